# Set up this shell for hpogrid; bash or zsh:
#
#     source setupenv.sh            # an environment of its own, in .venv of the checkout
#     source setupenv.sh no-conda   # the environment that is active now
#
# It activates the environment, exports HPOGRID_BASE_PATH (the checkout) and enables shell
# completion. Source it again whenever you like: what is there is not made again. On a login node
# with ALRB it sets up panda and rucio as well. The environment has what the examples need;
# "HPOGRID_EXTRAS=all" before it brings every algorithm. The helpers below are gone at the end.

_hpogrid_say() {
    printf 'setupenv.sh: %s\n' "$*" >&2
}

_hpogrid_find_python() {
    # Print the first Python that is new enough. Debian calls it python3, others python3.12.
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    _hpogrid_say "there is no Python 3.11 or newer here; install it" \
        "(on Debian and Ubuntu: apt-get install python3 python3-venv) and source this again"
    return 1
}

_hpogrid_make_venv() {
    # Make or mend .venv, unless it is what this checkout asks for already.
    local base="$1" extras="$2" venv="$1/.venv" stamp python version
    stamp="$base [$extras] $(command cat "$base/pyproject.toml" "$base/constraints.txt" | cksum)"
    if [ -x "$venv/bin/hpogrid" ] && [ "$(command cat "$venv/.made-of" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    python="$(_hpogrid_find_python)" || return 1
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        _hpogrid_say "$python cannot make environments; install the rest of it" \
            "(on Debian and Ubuntu: apt-get install python$version-venv) and source this again"
        return 1
    fi
    _hpogrid_say "installing hpogrid [$extras] into $venv (once; less than a minute)"
    "$python" -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --constraint "$base/constraints.txt" --config-settings editable_mode=compat \
            --editable "$base[$extras]" ||
        { _hpogrid_say "the installation into $venv failed: see above"; return 1; }
    printf '%s' "$stamp" >| "$venv/.made-of"
}

_hpogrid_use_active() {
    # Install hpogrid, and nothing else that it does not need, if it is missing.
    local base="$1"
    if ! command -v python3 >/dev/null; then
        _hpogrid_say "no-conda needs an active environment with python3"
        return 1
    fi
    if python3 -c 'import hpogrid, click, msgspec' 2>/dev/null && command -v hpogrid >/dev/null; then
        return 0
    fi
    _hpogrid_say "installing hpogrid into the active environment ($(command -v python3))"
    python3 -m pip install --quiet --disable-pip-version-check --editable "$base" ||
        { _hpogrid_say "pip failed: see above; is an environment of yours active?"; return 1; }
}

_hpogrid_grid_tools() {
    # On nodes with ALRB: panda and rucio, before our environment is put in front of them.
    [ -n "${ATLAS_LOCAL_ROOT_BASE:-}" ] || return 0
    if command -v prun >/dev/null && command -v rucio >/dev/null; then
        return 0
    fi
    if [ ! -r "$ATLAS_LOCAL_ROOT_BASE/user/atlasLocalSetup.sh" ]; then
        _hpogrid_say "ATLAS_LOCAL_ROOT_BASE=$ATLAS_LOCAL_ROOT_BASE has no user/atlasLocalSetup.sh;" \
            "going on without panda and rucio"
        return 0
    fi
    . "$ATLAS_LOCAL_ROOT_BASE/user/atlasLocalSetup.sh" --quiet &&
        lsetup --quiet panda rucio ||
        _hpogrid_say "lsetup panda rucio failed: see above; going on without them"
    return 0
}

_hpogrid_complete() {
    # Load the completion script, kept in a file so that no process has to be started for it.
    local base="$1" shell="$2" file="$1/.cache/completion.$2"
    case "$-" in *i*) ;; *) return 0 ;; esac
    if [ ! -s "$file" ] || [ "$base/pyproject.toml" -nt "$file" ]; then
        command mkdir -p "$base/.cache" 2>/dev/null &&
            hpogrid completion "$shell" >| "$file" 2>/dev/null || return 0
    fi
    if [ "$shell" = zsh ] && ! command -v compdef >/dev/null; then
        autoload -Uz compinit && compinit -i -D
    fi
    . "$file"
}

_hpogrid_setup() {
    local base="$1" shell="$2" how="${3:-}"
    case "$how" in
        "") ;;
        no-conda | no_conda) ;;
        *) _hpogrid_say "'$how' is not known; the only argument is no-conda"; return 1 ;;
    esac
    _hpogrid_grid_tools
    if [ -n "$how" ]; then
        _hpogrid_use_active "$base" || return 1
    else
        _hpogrid_make_venv "$base" "${HPOGRID_EXTRAS:-examples}" || return 1
        . "$base/.venv/bin/activate"
    fi
    export HPOGRID_BASE_PATH="$base"
    _hpogrid_complete "$base" "$shell"
    return 0
}

_hpogrid_main() {
    local base shell sourced=yes
    if [ -n "${BASH_VERSION:-}" ]; then
        shell=bash
        base="${BASH_SOURCE[0]}"
        [ "$base" != "$0" ] || sourced=no
    elif [ -n "${ZSH_VERSION:-}" ]; then
        shell=zsh
        eval 'base="${(%):-%x}"'
        case "$ZSH_EVAL_CONTEXT" in *file*) ;; *) sourced=no ;; esac
    else
        _hpogrid_say "this shell is neither bash nor zsh; use one of them"
        return 1
    fi
    if [ "$sourced" = no ]; then
        _hpogrid_say "this changes your shell, so it has to be sourced: source $base"
        return 1
    fi
    base="$(CDPATH='' builtin cd -- "$(command dirname -- "$base")" >/dev/null && builtin pwd -P)"
    _hpogrid_setup "$base" "$shell" "$@"
}

_hpogrid_forget() {
    unset -f _hpogrid_main _hpogrid_setup _hpogrid_complete _hpogrid_grid_tools \
        _hpogrid_use_active _hpogrid_make_venv _hpogrid_find_python _hpogrid_say _hpogrid_forget
}

if _hpogrid_main "$@"; then
    _hpogrid_forget
else
    _hpogrid_forget
    return 1 2>/dev/null || exit 1
fi
