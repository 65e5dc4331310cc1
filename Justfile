# Everything a developer or CI runs. `just` lists it.
# Tools that Cargo does not bring are installed below target/tools, at pinned versions, when first needed.

tools := justfile_directory() / "target/tools"

[private]
default:
    @just --list --unsorted

# Serve on port 8080, hosts in ./discovery-data
run *args:
    cargo run --release --locked -- {{ args }}

# Every test that needs nothing but Rust and a C compiler
test *args:
    cargo test --workspace --locked {{ args }}

# Format, lints, and what may depend on what
check: deny
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Bans and licences of dependencies (no advisories: they would have to be fetched)
deny: (_cargo-tool "cargo-deny" "0.20.2" "--no-default-features")
    {{ tools }}/bin/cargo-deny --locked check bans licenses sources

# Write the committed contract anew from the code
openapi:
    cargo run --quiet --locked -- openapi > openapi/openapi.yaml

# Install a Cargo tool at a pinned version, unless it is there
_cargo-tool name version *flags:
    @{{ tools }}/bin/{{ name }} --version 2>/dev/null | grep -qF "{{ version }}" \
        || cargo install --quiet --debug --locked {{ name }} --version {{ version }} --root {{ tools }} {{ flags }}
