# Functions of the scripts of CI, which source this.
# shellcheck shell=bash

# Says what begins, and when.
step() {
    printf '\n== %3d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"
}

# Waits for what was begun in the background with this log, and shows it.
finish() {
    local status=0
    wait "$1" || status=$?
    cat "$2"
    return "$status"
}

# Ends what was begun in the background.
end_all() {
    jobs -p | xargs -r -n 1 pkill -P 2>/dev/null || true
    jobs -p | xargs -r kill 2>/dev/null || true
}

# Installs the programs of Debian that are missing, as root: `with COMMAND PACKAGE …`.
with() {
    local missing=()
    while (($#)); do
        command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    if ((${#missing[@]})); then
        apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
    fi
}
