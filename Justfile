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

# Start the registry, register a host and read it back, as the README says
readme:
    python3 tests/readme.py

# Format, lints, and what may depend on what
check: deny
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Bans and licences of dependencies (no advisories: they would have to be fetched)
deny: (_cargo-tool "cargo-deny" "0.20.2" "--no-default-features")
    {{ tools }}/bin/cargo-deny --locked check bans licenses sources

# Write the committed contract anew from the code
openapi:
    cargo build --locked --workspace --bin discovery
    target/debug/discovery openapi > openapi/openapi.yaml

# Lint the contract with Redocly and Spectral: no error, no warning
lint-contract:
    tests/tools/run redocly lint --config tests/contract/redocly.yaml openapi/openapi.yaml
    tests/tools/run spectral lint --fail-severity=hint --ruleset tests/contract/spectral.yaml openapi/openapi.yaml

# Hold the contract to the code, to the linters, to what was released and, on every store, to the server
contract: lint-contract _servers
    cargo test --locked --workspace --test drift
    tests/tools/run python3 -m pytest -q -p no:cacheprovider tests/contract
    tests/tools/run python3 tests/contract/gate.py openapi/openapi.yaml openapi/released
    tests/tools/run tests/contract/conform InMemory InFile DynamoDB

# Keep the contract as the one that later ones are compared with
release-contract: lint-contract
    tests/tools/run python3 tests/contract/gate.py openapi/openapi.yaml openapi/released
    tests/contract/release openapi/openapi.yaml openapi/released

# Drive a real Envoy, and a gRPC program, in every way there is; `just e2e -k canary` tries a part
e2e *args: _servers
    tests/envoy/run python3 -m pytest -c tests/envoy/pytest.ini tests/envoy {{ args }}

# Write a client below target/sdk: python, python-httpx, typescript-fetch, typescript, rust, go or java
sdk language:
    tests/tools/run tests/sdk/generate {{ language }}

# Generate clients, type-check them strictly and run each against a server; Go and Java where they are installed
sdk-test *languages="python python-httpx typescript-fetch typescript rust go java": _servers
    tests/tools/run python3 tests/tools/serve.py InMemory tests/sdk/prove {{ languages }}

# Register and list a host in Swagger UI in Chromium, and take a picture of it
browser picture="target/swagger-ui.png": (_debian "chromium" "chromium") _servers
    CHROMIUM="$(command -v chromium)" tests/tools/run python3 tests/tools/serve.py InMemory \
        node tests/browser/swagger-ui.js "{{ justfile_directory() / picture }}"

# Compare with nginx and bare hyper, beside the targets: all, or `just bench reads writes fleets costs estimates ROUNDS=5`
bench *args: (_debian "wrk" "wrk") (_debian "nginx" "nginx-light")
    cargo build --release --locked --bin discovery
    cargo build --release --locked -p discovery-bench --bins
    cargo build --release --locked -p discovery-testkit --features dynamodb --example emulator
    case " {{ args }}" in *" "[a-z]*) ;; *) {{ just_executable() }} bench-in-process ;; esac
    target/release/bench {{ args }}

# Time the domain and the stores inside one process
bench-in-process *args:
    cargo bench --locked -p discovery-bench --bench in-process -- {{ args }}

# Measure how soon a real Envoy can use what is registered, and what many streams cost, beside the targets
bench-xds *args:
    cargo build --release --locked --bin discovery
    cargo build --release --locked -p discovery-xds --example streams
    DISCOVERY_BINARY={{ justfile_directory() }}/target/release/discovery tests/envoy/run python3 tests/envoy/bench.py {{ args }}

# Measure what 100,000 and 1,000,000 hosts take of memory
bench-memory: (bench "memory")

# Put a fleet on a registry: `just load HOSTS=100000 SECONDS=60`; `just load --help` lists the settings
load *args:
    cargo build --release --locked --bin discovery
    cargo run --quiet --release --locked -p discovery-bench --bin load -- {{ args }}

# Break the store, the network, the clocks and the clients of the binary: all, which takes hours, or those that
# `just faults --list` names; `--ci` tries less of each
faults *args: (_debian "faketime" "faketime") (_debian "strace" "strace")
    cargo build --release --locked --bin discovery
    cargo build --locked {{ if args =~ '--ci' { "--workspace --bin discovery-faults" } else { "--release -p discovery-faults" } }}
    DISCOVERY_BINARY=target/release/discovery \
        target/{{ if args =~ '--ci' { "debug" } else { "release" } }}/discovery-faults {{ args }}

# Compare the instructions of the hot paths with those of another commit, or of the last on main; more than 5 % above fails
bench-instructions base="": (_debian "valgrind" "valgrind") (_cargo-tool "gungraun-runner" "0.20.0")
    GUNGRAUN_RUNNER={{ tools }}/bin/gungraun-runner benches/instructions/compare.sh {{ base }}

# Feed every parser, or one, with what nobody would send: `just fuzz tags 60`
fuzz target="" seconds="600": (_cargo-tool "cargo-fuzz" "0.13.2") (_debian "c++" "g++")
    tests/fuzz/run {{ seconds }} {{ target }}

# The same for half a minute each
fuzz-ci: (fuzz "" "30")
    cargo fmt --manifest-path tests/fuzz/Cargo.toml --check

# The server, and the DynamoDB that it is tried with; of the whole workspace, so that nothing that its tests have built
# is built again with other features
_servers:
    cargo build --locked --workspace --bin discovery --example emulator

# Install a Debian package, unless its program is there
_debian program package:
    @command -v {{ program }} > /dev/null || $([ "$(id -u)" = 0 ] || echo sudo) sh -c \
        'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends {{ package }}'

# Install a Cargo tool at a pinned version, unless it is there
_cargo-tool name version *flags:
    @{{ tools }}/bin/{{ name }} --version 2>/dev/null | grep -qF "{{ version }}" \
        || cargo install --quiet --debug --locked {{ name }} --version {{ version }} --root {{ tools }} {{ flags }}
