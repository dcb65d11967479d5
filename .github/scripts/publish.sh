#!/usr/bin/env bash
# Pushes an edition's image to REGISTRY/OWNER/comfyui-EDITION, by today's date and as `latest`. What has not
# changed comes from the cache REGISTRY/OWNER/comfyui-cache, what is new goes there. The token is in
# REGISTRY_TOKEN; no program that is started here has it in its environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

edition=$1
owner=${GITHUB_REPOSITORY_OWNER,,}
registry=${REGISTRY:-ghcr.io}
image=$registry/$owner/comfyui-$edition
cache=$registry/$owner/comfyui-cache
today=$(date --utc +%F)
token=$REGISTRY_TOKEN
unset REGISTRY_TOKEN

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --locked: what is published is what the repository's lock says, or nothing.
cargo xtask push "$image:$today" "$edition" --tag latest --locked \
    --cache-from "$cache" --cache-to "$cache" \
    --username "$GITHUB_ACTOR" --password-stdin <<<"$token" 2>&1 >"$work/out" | tee "$work/told" >&2
digest=$(tail -n 1 "$work/out")
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "no digest, but: $digest" >&2; exit 1; }

sed -n 's/^warning: /::warning::/p' "$work/told"
{
    printf "### %s\n\n    %s@%s\n\nTags: %s, latest.\n\n" "$edition" "$image" "$digest" "$today"
    printf '<details><summary>What was done</summary>\n\n```\n'
    tail -n 200 "$work/told"
    printf '```\n\n</details>\n'
} >>"$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "digest=$digest" >>"$GITHUB_OUTPUT"
