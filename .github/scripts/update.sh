#!/usr/bin/env bash
# Moves ComfyUI to its newest commit in the editions that have it from git, and renews the locks of all
# editions that are given: `update.sh TEXT EDITION…`. What changed is written to the file TEXT, as the title
# and the body of a pull request; TEXT is empty if nothing did. COMFYUI_REF names a branch or tag of ComfyUI
# in place of its default branch.
#
# An edition that names a branch (or none) moves by `lock --update ComfyUI` alone. One that names a commit
# stays there, whatever is updated: so the commit is exchanged in the edition first, and the versions that
# ComfyUI's requirements.txt gives for its own packages go along as `--pin`.
set -euo pipefail
cd "$(dirname "$0")/../.."

text=$1
shift
ref=${COMFYUI_REF:-HEAD}
: >"$text"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# -- edition files --------------------------------------------------------------------------------

# Line and value of a key in a file's source ComfyUI, if that comes from git.
find_in() {
    awk -v key="$2" '
        function flush() {
            if (inside && value["name"] == "ComfyUI" && "git" in value && key in value)
                print line[key], value[key]
        }
        /^\[/ { flush(); inside = /^\[\[layer\.comfy\.source\]\]/; split("", value); next }
        inside && /^[a-z0-9-]+ *= *"/ {
            name = $0; sub(/ *=.*/, "", name)
            what = $0; sub(/^[^"]*"/, "", what); sub(/".*/, "", what)
            line[name] = NR; value[name] = what
        }
        END { flush() }' "$1"
}
value_in() { find_in "$1" "$2" | cut -d ' ' -f 2-; }
exchange_in() {
    local line _
    read -r line _ < <(find_in "$1" "$2") || return 0
    sed -i "${line}s|\"[^\"]*\"|\"$3\"|" "$1"
}
# The edition, of those that an edition extends and itself, whose file has ComfyUI from git.
holder() {
    local edition=$1
    while [ -n "$edition" ]; do
        [ -z "$(value_in "editions/$edition.toml" git)" ] || break
        edition=$(sed -n 's/^extends *= *"\(.*\)".*/\1/p' "editions/$edition.toml")
    done
    echo "$edition"
}

# -- what ComfyUI wants ---------------------------------------------------------------------------

# Lines of its requirements as "name operator version", with `-` where there is no single version.
wanted() {
    local file
    for file in requirements.txt manager_requirements.txt; do
        git -C "$work/comfyui" show "$1:$file" 2>/dev/null || true
    done | sed -E 's/[[:space:]]*(#.*)?$//' | awk '
        match($0, /^[A-Za-z0-9][A-Za-z0-9._-]*/) {
            name = tolower(substr($0, 1, RLENGTH)); gsub(/[._]+/, "-", name)
            rest = substr($0, RLENGTH + 1); gsub(/ /, "", rest)
            if (match(rest, /^(==|>=)[0-9A-Za-z.+!]+$/)) print name, substr(rest, 1, 2), substr(rest, 3)
            else print name, "-", "-"
        }'
}
locked() {
    awk -v name="$2" '
        /^\[/ { inside = 0 }
        $0 == "name = \"" name "\"" { inside = 1 }
        inside && /^version = / { gsub(/^version = "|"$/, ""); print; exit }' "editions/$1.lock"
}
# Whether a locked version will do.
meets() {
    case $1 in
    ==) [ "$2" = "$3" ] ;;
    '>=') [ "$(printf '%s\n' "$2" "$3" | sort --version-sort | head -n 1)" = "$2" ] ;;
    *) true ;;
    esac
}

# -- one edition after another --------------------------------------------------------------------

commit="" version="" title="" moved="" failed=0 succeeded=0
declare -A seen=()

say() { printf '%s\n' "$@" >>"$work/text"; }

# Exchanges the commit in an edition that names one, and adds to `updates` and `pins` what that needs.
move() {
    local edition=$1 file=editions/$1.toml url old name operator wants has before
    url=$(value_in "$file" git) old=$(value_in "$file" commit) before=$(value_in "$file" version)
    [ -n "$old" ] || return 0
    # By whole names: git would also take a branch that merely ends so. An annotated tag is listed by itself,
    # then (^{}) by its commit.
    commit=$(git ls-remote "$url" "$ref" "refs/heads/$ref" "refs/tags/$ref" "refs/tags/$ref^{}" |
        awk -v ref="$ref" '
            $2 == ref || $2 == "refs/heads/" ref { if (!head) head = $1 }
            $2 == "refs/tags/" ref || $2 == "refs/tags/" ref "^{}" { tag = $1 }
            END { print head ? head : tag }')
    [[ $commit =~ ^[0-9a-f]{40}$ ]] || { echo "$url has no $ref" >&2; exit 1; }
    git init --quiet --bare "$work/comfyui"
    git -C "$work/comfyui" fetch --quiet --depth=1 "$url" "$commit"
    [ "$commit" != "$old" ] || return 0
    version=$(git -C "$work/comfyui" show "$commit:comfyui_version.py" 2>/dev/null |
        sed -n 's/^__version__ *= *"\([0-9A-Za-z.]*\)".*/\1/p')
    exchange_in "$file" commit "$commit"
    [ -z "$version" ] || exchange_in "$file" version "$version"
    while read -r name operator wants; do
        has=$(locked "$edition" "$name")
        if [ -z "$has" ] || meets "$operator" "$wants" "$has"; then continue; fi
        case $operator in
        ==) pins+=(--pin "$name=$wants") ;;
        *) updates+=("$name") ;;
        esac
    done < <(wanted "$commit")
    title="ComfyUI ${version:-at} (${commit:0:10})"
    moved="ComfyUI ${before:+$before }${old:0:10} → ${version:+$version }${commit:0:10}:"
    moved+=" ${url%.git}/compare/$old...$commit"
}

# What the new commit asks for and the lock does not have; `lock` knows the edition's lines alone.
tell_unmet() {
    local name operator wants has unmet=()
    while read -r name operator wants; do
        has=$(locked "$1" "$name")
        if [ -z "$has" ]; then
            unmet+=("- \`$name\` is not in the lock")
        elif ! meets "$operator" "$wants" "$has"; then
            unmet+=("- \`$name$operator$wants\` is wanted, and $has is locked")
        fi
    done < <(wanted "$commit")
    [ "${#unmet[@]}" -eq 0 ] || say "ComfyUI's requirements are **not met**:" "" "${unmet[@]}" ""
}

renew() {
    local edition=$1 from summary updates=() pins=()
    [ -z "${seen[$edition]:-}" ] || return 0
    seen[$edition]=yes
    from=$(holder "$edition")
    [ -z "$from" ] || [ "$from" = "$edition" ] || renew "$from"
    if [ ! -e "editions/$edition.lock" ]; then
        echo "$edition has no lock, and is passed over"
        return 0
    fi
    if [ -n "$from" ]; then
        updates=(--update ComfyUI)
        [ "$from" != "$edition" ] || move "$edition"
        # What editions say of themselves.
        [ -z "$version" ] ||
            sed -i "/^description = /s/ComfyUI [0-9][0-9.]*/ComfyUI $version/" "editions/$edition.toml"
    fi
    echo "== cargo xtask lock $edition ${updates[*]} ${pins[*]}"
    if ! summary=$(cargo xtask lock "$edition" "${updates[@]}" "${pins[@]}" 2>"$work/told"); then
        cat "$work/told" >&2
        git checkout --quiet -- "editions/$edition.toml" "editions/$edition.lock"
        [ "$from" != "$edition" ] || commit="" version="" title="" moved=""
        echo "::warning::$edition could not be locked"
        say "## $edition" "" "It could not be locked, and is as it was:" "" '```'
        tail -n 20 "$work/told" >>"$work/text"
        say '```' ""
        failed=$((failed + 1))
        return 0
    fi
    cat "$work/told" >&2
    printf '%s\n' "$summary"
    succeeded=$((succeeded + 1))
    git diff --quiet -- "editions/$edition.toml" "editions/$edition.lock" && return 0
    say "## $edition" ""
    [ -z "$from" ] || [ -z "$moved" ] || say "$moved" ""
    say '```' "$summary" '```' ""
    [ -z "$from" ] || [ -z "$commit" ] || tell_unmet "$edition"
}

for edition in "$@"; do
    renew "$edition"
done
if [ "$succeeded" = 0 ] && [ "$failed" -gt 0 ]; then
    echo "no edition could be locked" >&2
    exit 1
fi
if git diff --quiet -- editions; then
    echo "nothing changed"
    exit 0
fi
{
    printf '%s\n\n' "${title:-Locks renewed}"
    # A pull request holds 65,536 characters.
    awk '{ size += length($0) + 1 } size > 60000 { print "```\n\n… and more: the locks say it."; exit } { print }' \
        "$work/text"
} >"$text"
