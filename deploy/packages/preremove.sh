#!/bin/sh
# The data in /var/lib/gochat stays. An upgrade stops nothing: the new package restarts the service.
set -e
case "${1:-}" in
remove | 0)
  if [ -d /run/systemd/system ]; then systemctl disable --now gochat.service; fi
  ;;
esac
