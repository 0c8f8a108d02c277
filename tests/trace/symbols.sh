#!/bin/sh
# The agreement core reads no clock, opens nothing, hashes nothing: whatever it takes from outside is on this list.
#   symbols.sh ARCHIVE
allowed='calloc|free|memcpy|memcmp|memset|memmove|bcmp|__mem(cpy|set|move)_chk|digest_is_zero|tally_check_failed|__popcountdi2|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_'
symbols=$(nm "$1") || exit 2
defined=$(echo "$symbols" | awk 'NF == 3 { print $3 }' | sort -u)
foreign=$(echo "$symbols" | awk '$1 == "U" { print $2 }' | sort -u | grep -Fxv "$defined" \
    | grep -Ev "^($allowed)\$" | grep -Ev '^__(asan|ubsan|tsan|lsan|msan|sanitizer|sancov)_')
[ -z "$foreign" ] && exit 0
echo "the consensus core may not use:" $foreign
exit 1
