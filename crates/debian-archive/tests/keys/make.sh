#!/bin/sh
# Makes the keys and signed files of this folder anew, with GnuPG: for each kind of key NAME.pgp, its
# public part, and NAME.asc, the same Release file signed by it on 2022-01-01. No secret part is kept.
set -eu
here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
then="--faked-system-time 20220101T000000"
end=20220201T000000

cat > Release <<END
Origin: Made up
Suite: testing
Codename: made
Date: Sat, 01 Jan 2022 00:00:00 UTC
Valid-Until: Sat, 08 Jan 2022 00:00:00 UTC
Architectures: amd64
Components: main
Acquire-By-Hash: yes
Snapshots: file:///nowhere/@SNAPSHOTID@
SHA256:
 $(sha256sum < "$here/Packages" | cut -d' ' -f1) $(wc -c < "$here/Packages") main/binary-amd64/Packages
END

gnupg() { gpg --homedir "$scratch/$name" --batch --yes --quiet --passphrase '' --pinentry-mode loopback "$@"; }
fingerprint() { gnupg --list-keys --with-colons | awk -F: '/^fpr/ { print $10; exit }'; }
sign() { gnupg $then "$@" --clearsign -o "$here/$name.asc" Release; }

for name in good subkey expired revoked subrevoked subexpired sha1 sigexpired; do
    mkdir -m 700 "$name"
    case $name in
        expired) gnupg $then --quick-gen-key "$name <k@x.test>" ed25519 sign $end ;;
        sha1) gnupg $then --quick-gen-key "$name <k@x.test>" rsa2048 sign never ;;
        sub*) gnupg $then --quick-gen-key "$name <k@x.test>" ed25519 cert never ;;
        *) gnupg $then --quick-gen-key "$name <k@x.test>" ed25519 sign never ;;
    esac
    case $name in
        subexpired) gnupg $then --quick-add-key "$(fingerprint)" ed25519 sign $end ;;
        sub*) gnupg $then --quick-add-key "$(fingerprint)" ed25519 sign never ;;
    esac
    case $name in
        sha1) sign --digest-algo SHA1 --allow-weak-digest-algos ;;
        sigexpired) sign --default-sig-expire $end ;;
        *) sign ;;
    esac
    case $name in
        revoked)
            sed 's/^:---/---/' "$name"/openpgp-revocs.d/*.rev > revocation
            gnupg --import revocation
            ;;
        subrevoked)
            printf 'key 1\nrevkey\ny\n0\n\ny\nsave\n' |
                gpg --homedir "$scratch/$name" --no-tty --command-fd 0 --passphrase '' \
                    --pinentry-mode loopback --edit-key "$(fingerprint)" > /dev/null 2>&1
            ;;
    esac
    gnupg --export -o "$here/$name.pgp"
    gpgconf --homedir "$scratch/$name" --kill all
done
name=good
gnupg --export --armor -o "$here/good-armoured.pgp"
gpgconf --homedir "$scratch/$name" --kill all
