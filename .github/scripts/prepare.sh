#!/usr/bin/env bash
# Makes a runner with Ubuntu fit for Strata: programs, user namespaces with sub-ids, and where Debian
# packages come from. `prepare.sh 40 skopeo` also makes room, if less than 40 GB are free, and installs skopeo.
# Output for later steps: `rust`, the compiler's version; and STRATA_DEBIAN_MIRROR in their environment.
set -euo pipefail

missing=()
for package in gcc libc6-dev git python3-pip uidmap "${@:2}"; do
    dpkg-query --show --showformat '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
        missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    sudo apt-get update -qq
    sudo DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
fi

# Ubuntu 24.04 lets ordinary users make user namespaces without any capability in them; dpkg's sandbox
# needs those.
restriction=${RESTRICTION:-/proc/sys/kernel/apparmor_restrict_unprivileged_userns}
if [ -e "$restriction" ] && [ "$(cat "$restriction")" != 0 ]; then
    sudo sysctl --quiet --write kernel.apparmor_restrict_unprivileged_userns=0
fi
user=$(id -un)
grep -q "^$user:" "${SUBUID:-/etc/subuid}" || sudo usermod --add-subuids 1000000-1065535 "$user"
grep -q "^$user:" "${SUBGID:-/etc/subgid}" || sudo usermod --add-subgids 1000000-1065535 "$user"

# apt here knows Ubuntu's archive. Debian's own image knows Debian's, so that nobody has to say it.
mirror=${STRATA_DEBIAN_MIRROR:-}
if [ -z "$mirror" ]; then
    mirror=$(docker run --rm debian:stable-slim \
        sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | sed -n 1p)
fi
if [ -z "$mirror" ]; then
    echo "::error::no Debian mirror is known: set the repository's variable STRATA_DEBIAN_MIRROR" >&2
    exit 1
fi
echo "STRATA_DEBIAN_MIRROR=$mirror" >>"$GITHUB_ENV"

# What GitHub's runners bring for Android, .NET, Haskell, Swift and CodeQL is about 25 GB.
free() { df --output=avail --block-size=1G . | tail -n 1 | tr -d ' '; }
if [ "$(free)" -lt "${1:-0}" ] && [ "${RUNNER_ENVIRONMENT:-}" = github-hosted ]; then
    sudo rm -rf /usr/local/lib/android /usr/share/dotnet /opt/ghc /usr/local/.ghcup /usr/share/swift \
        /opt/hostedtoolcache/CodeQL
fi
echo "$(free) GB are free"

echo "rust=$(rustc --version | cut -d ' ' -f 2)" >>"$GITHUB_OUTPUT"
