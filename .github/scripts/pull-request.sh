#!/usr/bin/env bash
# Puts what `update.sh` changed into one pull request, opened or renewed: `pull-request.sh TEXT`. TEXT's first
# line is the title, the third and what follows the body; an empty TEXT means that nothing changed. Wants
# `gh` with GH_TOKEN, and GITHUB_REPOSITORY. BASE is the branch to merge into.
set -euo pipefail
cd "$(dirname "$0")/../.."

text=$1
base=${BASE:-main}
branch=update/comfyui
if [ ! -s "$text" ]; then
    echo "nothing changed: no pull request"
    exit 0
fi
title=$(head -n 1 "$text")
body=$(mktemp)
trap 'rm -f "$body"' EXIT
tail -n +3 "$text" >"$body"

who=(-c user.name='github-actions[bot]' -c user.email='41898282+github-actions[bot]@users.noreply.github.com')
git switch --quiet --force-create "$branch"
git "${who[@]}" commit --quiet --message "$title" -- editions

pull() { gh pr list --head "$branch" --base "$base" --state "$1" --json number,headRefOid --jq ".[0].$2 // empty"; }
number=$(pull open number)

# The token goes to git by `gh`, and into no file.
remote() { git -c credential.helper= -c credential.helper='!gh auth git-credential' "$@"; }
if remote fetch --quiet --depth=1 origin "refs/heads/$branch" 2>/dev/null && git diff --quiet FETCH_HEAD HEAD; then
    if [ -n "$number" ]; then
        echo "pull request $number says that already"
        exit 0
    fi
    if [ "$(pull closed headRefOid)" = "$(git rev-parse FETCH_HEAD)" ]; then
        echo "a pull request that says that was closed; the next one comes with something newer"
        exit 0
    fi
else
    remote push --quiet --force origin "HEAD:refs/heads/$branch"
fi

if [ -n "$number" ]; then
    gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/pulls/$number" \
        --raw-field title="$title" --field body=@"$body"
    echo "pull request $number is renewed: $title"
else
    gh pr create --base "$base" --head "$branch" --title "$title" --body-file "$body"
fi
