#!/usr/bin/env bash
# Two readers of Prometheus' text format lose what Prometheus itself reads.
#
#   prometheus-parse 0.2.5: a sample whose label value has a closing brace, as patterns of routes have (`/users/{id}`), is
#   dropped without an error. A value with a comma is cut at it, and what follows becomes a label if there is an equals sign
#   in it, or takes the label away if not; blanks around names and values become part of them.
#   openmetrics-parser 0.5.1, `parse_prometheus`: two metrics without TYPE lines, or one metric whose samples have
#   different labels, are an error for the whole text.
#
# Expected: a label value is any text between quotes; TYPE is optional, and its lack means untyped; blanks between tokens are
# ignored (Prometheus, "Exposition formats", text-based format). promtool 2.42.0 takes all of these texts.
# Seen: as above. Each of the two reads what the other does not.
#
# Programs that scrape a web server with prometheus-parse see no traffic on the routes that have parameters.
#
# Usage: findings/prometheus-parse-drops-samples-with-a-brace-in-a-label.sh
# Needs cargo, the crates registry, apt-get with the archive of Debian 12 and dpkg-deb. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src texts
apt-get download --quiet prometheus=2.42.0* >/dev/null
dpkg-deb --extract prometheus_*.deb package

printf '# HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total{route="/users",code="200"} 1\n' >texts/plain
printf '# HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total{route="/users/{id}",code="200"} 1\n' >texts/brace
printf '# HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total{route="/a?x=1,2",code="200"} 1\n' >texts/comma
printf '# HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total{ route = "/users" } 1\n' >texts/blanks
printf 'cores 2\nlanes 3\n' >texts/untyped
printf '# HELP busy Busy.\n# TYPE busy gauge\nbusy{core="0"} 1\nbusy{lane="disk"} 2\n' >texts/labels

cat >Cargo.toml <<'TOML'
[package]
name = "readers"
version = "0.0.0"
edition = "2024"

[dependencies]
openmetrics-parser = "=0.5.1"
prometheus-parse = "=0.2.5"
TOML

cat >src/main.rs <<'RUST'
fn main() {
    for (name, by_parse, is_read_by_openmetrics) in [
        ("plain", &["seen_total{code=\"200\",route=\"/users\"}"][..], true),
        ("brace", &[], true),
        ("comma", &["seen_total{code=\"200\"}"], true),
        ("blanks", &["seen_total{ route =\" \"/users\" \"}"], true),
        ("untyped", &["cores{}", "lanes{}"], false),
        ("labels", &["busy{core=\"0\"}", "busy{lane=\"disk\"}"], false),
    ] {
        let text = std::fs::read_to_string(format!("texts/{name}")).unwrap();
        let scrape = prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
        let samples: Vec<_> = scrape.samples.iter().map(|sample| format!("{}{{{}}}", sample.metric, sample.labels)).collect();
        let read = openmetrics_parser::prometheus::parse_prometheus(&text);
        println!("{name}: {samples:?}; openmetrics-parser: {}", if read.is_ok() { "read" } else { "refused" });
        assert_eq!(samples, by_parse);
        assert_eq!(read.is_ok(), is_read_by_openmetrics);
    }
}
RUST
cargo run --quiet
for text in texts/*; do
    # Remarks on style are told with exit code 3; 1 means that the text cannot be read.
    package/usr/bin/promtool check metrics <"$text" >said 2>&1 || (($? == 3)) || { cat said; exit 1; }
done
echo "promtool read all of them"
echo "as described"
