#!/usr/bin/env bash
# Tries the scripts beside this one where nothing is at stake: in a folder of its own, with stand-ins for
# cargo, gh, docker, sudo and the registry behind them. Prints "ok: …" for each thing that was seen to work.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
clean() {
    local status=$?
    [ "$status" = 0 ] || { echo "failed in $work:" && cat "$work/log"; } >&2
    rm -rf "$work"
    exit "$status"
}
trap clean EXIT
# No settings of this machine's git, and none of a workflow that this runs in.
export GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1 HOME=$work GITHUB_REPOSITORY=Someone/strata
unset GH_TOKEN STRATA_DEBIAN_MIRROR COMFYUI_REF BASE REGISTRY GITHUB_OUTPUT CDPATH
git config --global user.name tester
git config --global user.email tester@strata.test
git config --global init.defaultBranch main
mkdir "$work/bin" "$work/state"
export PATH=$work/bin:$PATH STATE=$work/state

ok() { echo "ok: $*"; }
fail() {
    echo "failed: $*" >&2
    exit 1
}
# Whether something was said, and whether something is not in a file.
says() { grep -qF -- "$1" "$work/log" || fail "not said: $1"; }
silent() { if grep -qF -- "$1" "$2"; then fail "in $2: $1"; fi; }

# -- stand-ins ------------------------------------------------------------------------------------

# As `cargo xtask lock`: the lock takes the commit of the edition that names one, and the pins. `push` tells
# what it was given.
cat >"$work/bin/cargo" <<'END'
#!/usr/bin/env bash
set -euo pipefail
printf '%s\n' "$*" >>"$STATE/cargo"
[ "$1" = xtask ]
case $2 in
push)
    [ "$(cat)" = token ] || { echo "error: no token on standard input" >&2; exit 1; }
    ! env | grep -q token || { echo "error: the token is in the environment" >&2; exit 1; }
    echo "warning: the cache cannot be used" >&2
    echo "uploaded ComfyUI, 4.00 MiB" >&2
    echo "sha256:$(printf '0%.0s' {1..64})" ;;
lock)
    edition=editions/$3
    [ "$3" != "$(cat "$STATE/broken" 2>/dev/null)" ] || { echo "error: it cannot be" >&2; exit 1; }
    commit=$(sed -n 's/^commit = "\(.*\)"/\1/p' editions/slim.toml | tail -n 1)
    old=$(sed -n 's/^commit = "\(.*\)"/\1/p' "$edition.lock")
    changed=no
    if [ -n "$old" ] && [ "$old" != "$commit" ]; then
        sed -i "s/$old/$commit/" "$edition.lock"
        echo "~ comfy  git     ComfyUI  ${old:0:10} -> ${commit:0:10}"
        changed=yes
    fi
    while [ $# -gt 0 ]; do
        if [ "$1" = --pin ]; then
            name=${2%=*} version=${2##*=}
            sed -i "s/$name==[0-9.]*/$name==$version/" "$edition.toml"
            sed -i "/^name = \"$name\"/ { n; s/.*/version = \"$version\"/ }" "$edition.lock"
            shift
        fi
        shift
    done
    [ "$changed" = yes ] || echo "nothing changed" ;;
esac
END
# As `gh`: pull requests are files with title, body and branch; their commit is what the branch stands at.
cat >"$work/bin/gh" <<'END'
#!/usr/bin/env bash
set -euo pipefail
printf '%s\n' "$*" >>"$STATE/gh"
case "$1 $2" in
"pr list")
    state=open key=number
    [[ " $* " != *" --state closed "* ]] || state=closed
    [[ $* != *headRefOid\ //* ]] || key=head
    [ ! -e "$STATE/pull.$state" ] || sed -n "s/^$key //p" "$STATE/pull.$state" ;;
"pr create")
    [ ! -e "$STATE/pull.open" ] || { echo "there is one" >&2; exit 1; }
    while [ $# -gt 0 ]; do
        [ "$1" != --title ] || title=$2
        [ "$1" != --body-file ] || cp "$2" "$STATE/body"
        shift
    done
    printf 'number 7\nhead %s\ntitle %s\n' "$(git rev-parse HEAD)" "$title" >"$STATE/pull.open" ;;
"api --silent")
    for argument; do
        case $argument in
        title=*) printf 'number 7\nhead %s\ntitle %s\n' "$(git rev-parse HEAD)" "${argument#title=}" >"$STATE/pull.open" ;;
        body=@*) cp "${argument#body=@}" "$STATE/body" ;;
        esac
    done ;;
esac
END
chmod +x "$work/bin/"*

# -- a repository with editions, and ComfyUI's ------------------------------------------------------

comfyui=$work/comfyui
git init --quiet "$comfyui"
comfyui() {
    printf '__version__ = "%s"\n' "$1" >"$comfyui/comfyui_version.py"
    printf '# all of it\ncomfyui-frontend-package==%s\ntorch\nnumpy>=1.25.0  # arrays\ncomfy_new>=1\n' "$2" >"$comfyui/requirements.txt"
    git -C "$comfyui" add --all
    git -C "$comfyui" commit --quiet --message "$1"
    git -C "$comfyui" rev-parse HEAD
}
first=$(comfyui 0.3.64 1.27.10)

git init --quiet --bare "$work/origin"
git clone --quiet "$work/origin" "$work/strata" 2>/dev/null
cd "$work/strata"
mkdir -p editions .github
cp -r "$scripts" .github/scripts
printf '[[layer.comfy.source]]\nname = "ComfyUI"\nwheel = "x==1"\n' >editions/starter.toml
cat >editions/slim.toml <<END
extends = "starter"

[layer.comfy]
python = [
    "comfyui-frontend-package==1.27.10",
]

[[layer.comfy.source]]
name = "another"
git = "file:///nowhere"
commit = "4444444444444444444444444444444444444444"

[[layer.comfy.source]]
name = "ComfyUI"
version = "0.3.64"
git = "file://$comfyui"
commit = "$first"
to = "/opt/comfyui"
END
printf 'extends = "slim"\n\n[image]\ndescription = "ComfyUI 0.3.64 and nodes"\n' >editions/megapak.toml
printf 'extends = "slim"\n' >editions/unlocked.toml
for edition in slim megapak; do
    cat >"editions/$edition.lock" <<END
[[wheel]]
name = "comfyui-frontend-package"
version = "1.27.10"

[[wheel]]
name = "numpy"
version = "2.3.5"

[[wheel]]
name = "torch"
version = "2.14.1"

[[git]]
name = "ComfyUI"
commit = "$first"
END
done
: >editions/starter.lock
git add --all
git commit --quiet --message start
git push --quiet origin HEAD:main

# What a workflow does: main as it is, the update, the pull request.
run() {
    : >"$STATE/cargo"
    : >"$STATE/gh"
    git switch --quiet --force-create main origin/main
    {
        # Joined, since in a condition nothing else would end this.
        .github/scripts/update.sh "$work/text" starter slim megapak unlocked &&
        .github/scripts/pull-request.sh "$work/text"
    } >"$work/log" 2>&1
}
branch() { git --git-dir "$work/origin" rev-parse --verify --quiet refs/heads/update/comfyui || true; }

# -- update.sh and pull-request.sh ------------------------------------------------------------------

run
says "nothing changed: no pull request"
if [ -s "$STATE/gh" ] || [ -n "$(branch)" ]; then fail "something was done"; fi
ok "update: nothing new, nothing done"

second=$(comfyui 0.3.65 1.28.1)
run
grep -q "^commit = \"$second\"" editions/slim.toml || fail "the commit stays"
grep -q '^commit = "4444' editions/slim.toml || fail "another source moved"
grep -q '^version = "0.3.65"' editions/slim.toml || fail "the version stays"
grep -q '"comfyui-frontend-package==1.28.1"' editions/slim.toml || fail "the frontend stays"
grep -q 'ComfyUI 0.3.65 and nodes' editions/megapak.toml || fail "megapak's text stays"
grep -qx 'xtask lock starter' "$STATE/cargo" || fail "starter was not locked"
grep -qx 'xtask lock slim --update ComfyUI --pin comfyui-frontend-package=1.28.1' "$STATE/cargo" || fail "slim"
grep -qx 'xtask lock megapak --update ComfyUI' "$STATE/cargo" || fail "megapak"
silent unlocked "$STATE/cargo"
grep -qx "title ComfyUI 0.3.65 (${second:0:10})" "$STATE/pull.open" || fail "the title"
grep -qF "~ comfy  git     ComfyUI  ${first:0:10} -> ${second:0:10}" "$STATE/body" || fail "the summary"
# shellcheck disable=SC2016 # Markdown's backticks
grep -qF -- '- `comfy-new` is not in the lock' "$STATE/body" || fail "what is lacking"
silent "is wanted, and 2.3.5" "$STATE/body"
[ "$(branch)" = "$(git rev-parse HEAD)" ] || fail "the branch was not pushed"
ok "update: a newer commit becomes a pull request with what the lock says"

before=$(branch)
run
says "pull request 7 says that already"
[ "$(branch)" = "$before" ] || fail "the branch was pushed"
if grep -q '^pr create\|^api' "$STATE/gh"; then fail "something was done"; fi
ok "update: the same again leaves the pull request alone"

third=$(comfyui 0.3.66 1.28.1)
run
says "pull request 7 is renewed"
grep -qx "title ComfyUI 0.3.66 (${third:0:10})" "$STATE/pull.open" || fail "the title"
[ "$(branch)" = "$(git rev-parse HEAD)" ] || fail "the branch was not pushed"
[ "$(branch)" != "$before" ] || fail "the branch was not renewed"
[ "$(git rev-list --count origin/main..HEAD)" = 1 ] || fail "more than one commit"
ok "update: something newer renews the one pull request"

mv "$STATE/pull.open" "$STATE/pull.closed"
run
says "was closed"
[ ! -e "$STATE/pull.open" ] || fail "it was opened again"
rm "$STATE/pull.closed"
run
[ -e "$STATE/pull.open" ] || fail "it was not opened"
ok "update: what was closed by hand stays closed, what was never opened is opened"

echo megapak >"$STATE/broken"
comfyui 0.3.67 1.28.1 >"$work/fourth"
run
says "::warning::megapak could not be locked"
grep -qF "error: it cannot be" "$STATE/body" || fail "the reason is not told"
grep -qF "$(cat "$work/fourth")" editions/slim.lock || fail "slim was not locked"
git diff --quiet origin/main -- editions/megapak.toml editions/megapak.lock || fail "megapak is half done"
echo slim >"$STATE/broken"
run || true
git diff --quiet origin/main -- editions/slim.toml editions/slim.lock || fail "slim is half done"
ok "update: an edition that cannot be locked is told of and left as it was"
rm "$STATE/broken"

git -C "$comfyui" tag --annotate --message 0.3.66 v0.3.66 "$third"
COMFYUI_REF=v0.3.66 run
grep -q "^commit = \"$third\"" editions/slim.toml || fail "not the tag's commit"
if COMFYUI_REF=v9 run; then fail "a tag that is not there passes"; fi
says "has no v9"
ok "update: a tag in place of the newest commit"

# -- publish.sh -------------------------------------------------------------------------------------

export GITHUB_STEP_SUMMARY=$work/summary GITHUB_REPOSITORY_OWNER=Someone GITHUB_ACTOR=somebody
: >"$STATE/cargo"
REGISTRY_TOKEN=token .github/scripts/publish.sh slim >"$work/log" 2>&1
today=$(date --utc +%F)
at=ghcr.io/someone/comfyui
wanted="xtask push $at-slim:$today slim --tag latest --locked --cache-from $at-cache --cache-to $at-cache"
grep -qx "$wanted --username somebody --password-stdin" "$STATE/cargo" ||
    fail "$(cat "$STATE/cargo")"
grep -q "ghcr.io/someone/comfyui-slim@sha256:0000" "$work/summary" || fail "no digest in the summary"
says "::warning::the cache cannot be used"
silent token "$work/summary"
if REGISTRY_TOKEN=wrong .github/scripts/publish.sh slim >"$work/log" 2>&1; then fail "a push that failed passes"; fi
ok "publish: lower-case names, two tags, digest in the summary, the token on standard input alone"

# -- prepare.sh -------------------------------------------------------------------------------------

cat >"$work/bin/sudo" <<'END'
#!/bin/sh
echo "$*" >>"$STATE/sudo"
END
printf '#!/bin/sh\necho "ii"\n' >"$work/bin/dpkg-query"
printf '#!/bin/sh\nprintf "http://mirror.test/debian\\nhttp://mirror.test/security\\n"\n' >"$work/bin/docker"
printf '#!/bin/sh\necho "rustc 1.95.0 (f2d3ce0bd 2026-03-21)"\n' >"$work/bin/rustc"
chmod +x "$work/bin/"*
echo 1 >"$work/restriction"
: >"$work/none"
export GITHUB_ENV=$work/env GITHUB_OUTPUT=$work/output
: >"$STATE/sudo"
RUNNER_ENVIRONMENT=github-hosted RESTRICTION=$work/restriction SUBUID=$work/none SUBGID=$work/none \
    .github/scripts/prepare.sh 1000000 skopeo >"$work/log" 2>&1
grep -q 'apt-get install .* uidmap skopeo$' "$STATE/sudo" || fail "uidmap is not installed"
grep -qx 'sysctl --quiet --write kernel.apparmor_restrict_unprivileged_userns=0' "$STATE/sudo" || fail "no sysctl"
[ "$(grep -c '^usermod --add-sub[ug]ids 1000000-1065535 ' "$STATE/sudo")" = 2 ] || fail "no sub-ids"
grep -q '^rm -rf /usr/local/lib/android' "$STATE/sudo" || fail "no room is made"
grep -qx 'STRATA_DEBIAN_MIRROR=http://mirror.test/debian' "$work/env" || fail "no mirror"
grep -qx 'rust=1.95.0' "$work/output" || fail "no version"
: >"$STATE/sudo"
echo 0 >"$work/restriction"
RUNNER_ENVIRONMENT=self-hosted RESTRICTION=$work/restriction STRATA_DEBIAN_MIRROR=http://ours.test/debian \
    .github/scripts/prepare.sh 1000000 >"$work/log" 2>&1
silent 'rm -rf' "$STATE/sudo"
silent sysctl "$STATE/sudo"
grep -qx 'STRATA_DEBIAN_MIRROR=http://ours.test/debian' "$work/env" || fail "the mirror that was named is not taken"
ok "prepare: namespaces, sub-ids, room and mirror; nothing is removed from a machine that is not GitHub's"
