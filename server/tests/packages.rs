//! The packages as a registry would get them: each with its licences and a README, and with the version of the
//! package that it depends on.

use std::path::Path;
use std::process::Command;

/// The files of a package, as Cargo puts it together.
fn files(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "package",
            "--list",
            "--allow-dirty",
            "--offline",
            "--package",
            package,
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("warning"), "{errors}");
    let text = String::from_utf8(output.stdout).expect("paths in UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_package_brings_its_licences_and_a_readme_and_nothing_of_its_surroundings() {
    for package in ["ringgate-runtime", "ringgate"] {
        let files = files(package);
        for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "src/lib.rs"] {
            assert!(files.iter().any(|have| have == file), "{package}: {file}");
        }
        let strange =
            |file: &&String| file.starts_with("examples/puppies") || file.starts_with("fuzz");
        assert_eq!(files.iter().find(strange), None, "{package}");
    }
}

#[test]
fn both_packages_are_made_together_without_a_warning() {
    let place = std::env::temp_dir().join(format!("ringgate-packages-{}", std::process::id()));
    let output = Command::new(env!("CARGO"))
        .args(["package", "--no-verify", "--allow-dirty", "--offline"])
        .args([
            "--package",
            "ringgate-runtime",
            "--package",
            "ringgate",
            "--target-dir",
        ])
        .arg(&place)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    let made = ["ringgate-runtime", "ringgate"].map(|name| {
        let file = format!("package/{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        place.join(file).exists()
    });
    let _ = std::fs::remove_dir_all(&place);
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("warning"), "{errors}");
    assert_eq!(made, [true, true], "{errors}");
}

#[test]
fn the_library_names_the_version_of_the_runtime_it_needs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace");
    let text = std::fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    let line = text
        .lines()
        .find(|line| line.starts_with("ringgate-runtime = "));
    let wanted = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(line.expect("a dependency").contains(&wanted), "{line:?}");
}
