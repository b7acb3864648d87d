# SPDX-License-Identifier: Apache-2.0
# What build-stock and build-tuned share; sourced, not run.

# The cache lies outside the checkout: $TANDEM_CACHE, or the system's for root, or the user's.
if [ -n "${TANDEM_CACHE:-}" ]; then
    cache=$TANDEM_CACHE
elif [ "$(id -u)" = 0 ]; then
    cache=/var/cache/tandem
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/tandem
fi
kernels=$cache/kernels
mkdir -p "$kernels"

# fail MESSAGE HINT
fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

# kernel_inputs FOLDER: the hash of the inputs that the kernel in FOLDER was made from; empty if there is none.
kernel_inputs() {
    sed -n 's/.*"inputs": "\([0-9a-f]*\)".*/\1/p' "$1/kernel.json" 2>/dev/null || true
}

# begin_kernel NAME: an empty folder $staging beside the final one.
begin_kernel() {
    staging=$kernels/.$1.$$
    rm -rf "$staging"
    mkdir -p "$staging"
}

# finish_kernel NAME IMAGE RELEASE INPUTS SOURCE: describes $staging and moves it into place.
finish_kernel() {
    cat > "$staging/kernel.json" <<JSON
{"name": "$1", "image": "$2", "release": "$3", "inputs": "$4", "source": "$5"}
JSON
    rm -rf "${kernels:?}/.$1.old"
    [ ! -e "$kernels/$1" ] || mv "$kernels/$1" "$kernels/.$1.old"
    mv "$staging" "$kernels/$1"
    rm -rf "${kernels:?}/.$1.old"
    echo "$1 kernel: Linux $3 in $kernels/$1"
}
