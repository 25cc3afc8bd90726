//! The alerts and the dashboard in `scripts/`: each metric and label in them is one that the server has, and Prometheus
//! takes their expressions.

use crate::common::Directory;
use ringgate::observe::metrics::METRICS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

const ALERTS: &str = include_str!("../../../scripts/alerts.yml");
const DASHBOARD: &str = include_str!("../../../scripts/grafana-dashboard.json");

/// The expressions of the dashboard, as Grafana asks them.
fn asked() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let asked = targets.map(|target| target["expr"].as_str().expect("an expression"));
    let asked = asked.map(|text| {
        text.replace("$__rate_interval", "1m")
            .replace("$instance", ".*")
    });
    asked.collect()
}

/// The metrics in a text, and the labels of those that stand in braces behind one.
fn named(text: &str) -> Vec<(&str, Vec<&str>)> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.match_indices("ringgate_").map(|(at, _)| at);
    let starts = starts.filter(|at| !text[..*at].ends_with(is_of_name));
    let found = starts.map(|at| {
        let rest = &text[at..];
        let (name, behind) = rest.split_at(rest.find(|c| !is_of_name(c)).unwrap_or(rest.len()));
        let inside = behind
            .strip_prefix('{')
            .and_then(|behind| behind.split_once('}'));
        let matchers = inside.map_or("", |(inside, _)| inside).split(',');
        let labels = matchers.filter_map(|matcher| matcher.split(['=', '!']).next());
        (name, labels.filter(|label| !label.is_empty()).collect())
    });
    found.collect()
}

#[test]
fn every_metric_and_label_of_alerts_and_dashboard_is_one_of_the_server() {
    let asked = asked().join("\n");
    let mut seen = BTreeSet::new();
    for (name, labels) in named(ALERTS).into_iter().chain(named(&asked)) {
        let parts = ["_bucket", "_sum", "_count"];
        let family = parts
            .iter()
            .find_map(|part| name.strip_suffix(part))
            .unwrap_or(name);
        let definition = METRICS.iter().find(|definition| definition.name == family);
        let definition = definition.unwrap_or_else(|| panic!("there is no metric {name}"));
        for label in labels {
            let of_prometheus = ["instance", "job", "le"].contains(&label);
            assert!(
                of_prometheus || definition.labels.contains(&label),
                "{name} has no label {label}"
            );
        }
        seen.insert(family);
    }
    assert!(seen.len() > 25, "only {seen:?}");
}

#[test]
#[ignore = "needs promtool: apt-get install prometheus"]
fn prometheus_takes_the_alerts_and_each_expression_of_the_dashboard() {
    let directory = Directory::new();
    let check = |name: &str, rules: &str| {
        let path = directory.path(name);
        fs::write(&path, rules).unwrap();
        let checked = Command::new("promtool")
            .args(["check", "rules"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(said.contains("SUCCESS"), "{said}");
    };
    check("alerts.yml", ALERTS);
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (at, expression) in asked().iter().enumerate() {
        // JSON is YAML.
        let expression = Value::from(expression.as_str());
        rules.push_str(&format!(
            "      - record: panel:{at}\n        expr: {expression}\n"
        ));
    }
    check("dashboard.yml", &rules);
}

/// Prometheus reads what the server writes: types, names, buckets and escapes.
#[test]
#[ignore = "needs promtool: apt-get install prometheus"]
fn prometheus_finds_nothing_to_say_of_the_page_of_metrics() {
    use crate::common::{Program, get};
    use std::io::Write;
    let mut program = Program::start(&["--metrics", "127.0.0.1:0", "--max-threads", "7"]);
    let line = program.wait_line("metrics on http://");
    let address = line.split_once("http://").unwrap().1.trim().to_owned();
    program.get("/plaintext");
    let answer = get(&address, "/metrics");
    let (_, page) = answer.split_once("\r\n\r\n").unwrap();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let checked = promtool.wait_with_output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
