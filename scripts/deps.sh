#!/bin/sh
# Installs from Debian's packages what is missing, and nothing when nothing is: no network then, no root.
#   deps.sh build    what building and running weir needs
#   deps.sh test     that, and what the tests, fuzzers and benchmarks need (default)
# Debian 12 and 13. A tool that is there already in a version that will do (node, go, python3) is not installed again.
set -eu
mode=${1:-test}
case $mode in build | test) ;; *)
	echo "usage: $0 [build|test]" >&2
	exit 1
	;;
esac

if [ ! -r /etc/debian_version ] || ! command -v dpkg-query >/dev/null; then
	echo "$0: not a Debian system; install by hand what it lists (docs: CONTRIBUTING.md)" >&2
	exit 1
fi

has() { # package..: all of them are installed
	[ "$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed)" -ge $# ]
}
known() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "$0: needs root (or sudo) for: $*" >&2
		exit 1
	fi
}
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
updated=
update() {
	[ -n "$updated" ] || apt update >/dev/null || apt update
	updated=1
}

need="gcc make pkg-config ca-certificates curl libc6-dev libuv1-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
	libcurl4-openssl-dev zlib1g-dev libzstd-dev libyaml-dev libssl-dev libpcre2-dev libisal-dev libdeflate-dev"

# llhttp: the library from Debian 13 on; Debian 12 has its C sources in node-llhttp.
if ! has libllhttp-dev && ! has node-llhttp; then
	update
	if known libllhttp-dev; then need="$need libllhttp-dev"; else need="$need node-llhttp"; fi
fi

newer() { # have want: version have is at least want
	[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}
if [ "$mode" = test ]; then
	need="$need libcmocka-dev libjansson-dev openssl nginx-light clang llvm e2fsprogs mount"
	python3 -c 'import ensurepip, venv' 2>/dev/null || need="$need python3 python3-venv python3-pip"
	if ! command -v npm >/dev/null || ! newer "$(node --version 2>/dev/null | tr -d v)" 18.19; then need="$need nodejs npm"; fi
	# Any Go will do to fetch the one that the Collector asks for (scripts/collector).
	command -v go >/dev/null || need="$need golang-go"
	# The sanitizer runtime that goes with Debian's clang: its number is in what clang depends on.
	major=$(clang --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p')
	if [ -z "$major" ]; then
		known clang || update
		major=$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	fi
	need="$need libclang-rt-$major-dev"
fi

# shellcheck disable=SC2086
has $need && exit 0
missing=
for p in $need; do has "$p" || missing="$missing $p"; done
echo "installing:$missing"
update
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing >/dev/null
