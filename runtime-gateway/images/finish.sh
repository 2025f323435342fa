#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run inside an image's file system, as root, once its packages are installed.
set -eu

groupadd --gid 1000 cronium
useradd --uid 1000 --gid 1000 --home-dir /workspace --no-create-home --shell /bin/bash --comment 'Cronium jobs' cronium
mkdir -p /workspace
chown cronium:cronium /workspace

# Jobs run with no-new-privileges, so none of these would work; an image that lacks them is safe elsewhere too.
find / -xdev -perm /6000 -type f -exec chmod a-s {} +

rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt \
  /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-
