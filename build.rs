//! Writes `openapi.yaml` as JSON, which `GET /openapi.json` answers with: the service itself needs no reader of YAML. Tells the
//! sources the version of the compiler.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=openapi.yaml");
    let yaml = std::fs::read_to_string("openapi.yaml").expect("openapi.yaml stands at the project's top level");
    // Keys keep their order: of several bodies, generators of clients take the first one.
    let document: serde_json::Value = serde_saphyr::from_str(&yaml).expect("openapi.yaml is YAML");
    let folder = std::env::var_os("OUT_DIR").expect("cargo names the folder for what a build script writes");
    std::fs::write(Path::new(&folder).join("openapi.json"), format!("{document}\n"))
        .expect("the folder can be written to");
    // Not EPOCHD_…: cargo hands it to tests as well, and the service takes such variables for its settings.
    println!("cargo::rustc-env=BUILD_RUSTC={}", compiler());
}

/// The compiler's version, which the metrics tell.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").expect("cargo names the compiler");
    let told = Command::new(rustc).arg("--version").output().expect("the compiler says its version");
    let text = String::from_utf8(told.stdout).expect("a version is text");
    text.split_whitespace().nth(1).unwrap_or("unknown").to_owned()
}
