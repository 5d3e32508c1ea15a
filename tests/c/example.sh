#!/bin/sh
# example.sh SOURCES - prints the C example of the README.
set -eu
sed -n '/^```c$/,/^```$/{/^```/d;p;}' "$1/README.md" | grep .
