#!/bin/sh
# Debian packages that some tests need. Installed when this runs as root on a Debian; else those tests skip and say why.
missing=
for pair in mosquitto:/usr/sbin/mosquitto tshark:/usr/bin/tshark chromium:/usr/bin/chromium; do
    [ -x "${pair#*:}" ] || missing="$missing ${pair%%:*}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, their tests will skip:$missing"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update && apt-get install --yes --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 3 "$log"
    echo "could not be installed, their tests will skip:$missing"
fi
rm -f "$log"
