#!/bin/sh
# Makes the user of the service before the files that belong to it are unpacked.
set -e
if ! getent group gochat >/dev/null; then groupadd --system gochat; fi
if ! getent passwd gochat >/dev/null; then
  useradd --system --gid gochat --home-dir /var/lib/gochat --no-create-home --shell /usr/sbin/nologin gochat
fi
