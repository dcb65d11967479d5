#!/bin/bash
# Starts ComfyUI: folders, the user's scripts, then the server in place of this shell.
set -e

base=${COMFYUI_BASE:-/root}
mkdir -p "$base"/{models,input,output,user,temp,custom_nodes}

# What an image wants to be there at first, such as the Manager's settings. The user's own files stay.
if [ -d /opt/comfyui-defaults ]; then
    cp -r --update=none --no-preserve=mode,ownership /opt/comfyui-defaults/. "$base"/
fi

# Any --user works, also one that has no home, no name, and a root that is read-only.
if [ ! -w "${HOME:-/}" ]; then
    export HOME="$base"
fi
if ! id -un >/dev/null 2>&1; then
    export USER="${USER:-comfy}" LOGNAME="${LOGNAME:-comfy}"
fi
if [ ! -w "${TMPDIR:-/tmp}" ]; then
    export TMPDIR="$base/temp"
fi

first=$(command -v python3 || true)
for script in set-proxy.sh pre-start.sh; do
    if [ -f "$base/user-scripts/$script" ]; then
        echo "strata: running user-scripts/$script"
        # Sourced, so that what it exports reaches ComfyUI.
        . "$base/user-scripts/$script"
    fi
done

# The image's own interpreter, whatever comes first in PATH: an image below may have another. Where the user's
# scripts have put one there, as of a virtual environment, it is that. The build writes the path into this line:
python=python3
now=$(command -v python3 || true)
if [ -n "$now" ] && [ "$now" != "$first" ]; then
    python=$now
fi

cd "$base"
# CLI_ARGS is a list of words on purpose.
# shellcheck disable=SC2086
set -- ${CLI_ARGS:-} "$@"

if [ "${STRATA_ATTENTION_CHECK:-on}" != off ]; then
    # Nobody's child, so that an init waits for it where there is one.
    ("$python" -P -B /runner-scripts/attention.py "$@" &)
fi

exec "$python" /opt/comfyui/main.py \
    --listen 0.0.0.0 --port 8188 \
    --base-directory "$base" \
    --database-url "sqlite:///$base/user/comfyui.db" \
    --extra-model-paths-config /runner-scripts/bundled-nodes.yaml \
    "$@"
