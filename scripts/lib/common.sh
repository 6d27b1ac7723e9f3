# shellcheck shell=bash
# What every script of this folder starts with: the repository's root, one way to speak and one way to give
# up. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
name=scripts/$(basename "$0")
# Where scripts/setup puts what the distribution lacks; cmake/dependencies.cmake looks there first.
tools=${LEMNOS_TOOLS_DIR:-$root/build/tools}
export root name tools

say() { printf '%s: %s\n' "$name" "$*"; }

fail() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# Prints the comment at the head of the calling script: that text is its --help.
help_from_head() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }
