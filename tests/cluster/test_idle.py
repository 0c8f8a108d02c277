#!/usr/bin/python3
"""A fresh network that nobody uses costs next to nothing."""

import os
import pathlib
import time

import network

RESIDENT_MAX_KIB = 64 * 1024
WATCHED_S = 20
CPU_SHARE_MAX = 0.03


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class IdleTest(network.NetworkTest):
    network_options = {}

    def test_an_idle_node_is_small_and_still(self):
        if network.SANITIZED:
            self.skipTest("a sanitizer's memory is not the node's")
        self.net.agreement(1, limit_s=30)  # the first heartbeat
        pids = {name: self.net.pid(name) for name in self.net.names}
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        height, started = self.net.status("validator-1")["finalized_height"], time.monotonic()
        time.sleep(WATCHED_S)
        passed = time.monotonic() - started
        shares = {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}
        sizes = {name: network.resident_kib(pid) for name, pid in pids.items()}
        print()
        for name in self.net.names:
            print(f"{name}: {sizes[name] / 1024:.1f} MiB resident, {100 * shares[name]:.2f} % of a core")
        self.assertGreater(self.net.status("validator-1")["finalized_height"], height, "heartbeats go on")
        for name in self.net.names:
            self.assertLessEqual(sizes[name], RESIDENT_MAX_KIB, name)
            self.assertLess(shares[name], CPU_SHARE_MAX, name)


if __name__ == "__main__":
    network.main()
