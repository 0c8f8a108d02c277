"""A network whose validators stand each in a network namespace of its own, on a bridge that a test can take apart.

Every validator has two cables: `lan0`, over which the nodes talk (10.77.0.K), and `desk0`, over which the test asks the
node (10.78.0.K) whatever became of the other. A cut takes a validator's port out of its bridge and puts it on another:
nothing tells the nodes, their packets end nowhere, as behind a router that died.

All of it happens in a network and mount namespace of this process: it needs root (or user namespaces), touches nothing of
the machine's, and is gone with the last process in it."""

import os
import re
import subprocess
import sys

import network
from slow_proxy import SlowProxy

SKIPPED = 77  # to ctest, SKIP_RETURN_CODE
INSIDE = "TALLY_TEST_INSIDE"
PEER_PORT, RPC_PORT, ROAD_PORT = 7000, 7001, 7100
HERE = 254  # the test's own number on both bridges

PREPARE = "mount -t tmpfs tmpfs /run && ip link set lo up"
PROBE = ("ip netns add probe && ip link add probe0 type bridge && ip link add probe1 type veth peer name probe2 netns probe && "
         "ip link set probe1 master probe0 && nsenter --net=/run/netns/probe true")


def enter():
    """Runs the program again in namespaces of its own; ends it as skipped, saying why, where that is not allowed."""
    if os.environ.get(INSIDE):
        return
    apart = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--mount"]
    try:
        probed = subprocess.run([*apart, "sh", "-c", f"{PREPARE} && {PROBE}"], capture_output=True, text=True, timeout=30)
        why = None if probed.returncode == 0 else probed.stderr.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    if why is not None:
        print(f"skipped: network namespaces cannot be made here: {why}", file=sys.stderr)
        raise SystemExit(SKIPPED)
    os.environ[INSIDE] = "1"
    os.execvp(apart[0], [*apart, "sh", "-c", f'{PREPARE} && exec "$@"', "sh", sys.executable, *sys.argv])


def run(*words):
    ran = subprocess.run(words, capture_output=True, text=True)
    if ran.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {ran.stderr.strip()}")


def bridge_make(name, address):
    run("ip", "link", "add", name, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    if address:
        run("ip", "address", "add", address, "dev", name)
    run("ip", "link", "set", name, "up")


class Lan(network.Network):
    """Four validators and no observer, all started. The tests' addresses and ports are the same in every Lan, so there is one
    at a time."""

    # The certificates were made for this machine's own addresses.
    channel_options = (("grpc.ssl_target_name_override", "localhost"),)

    def __init__(self, validators=4):
        self.proxy, self.bridges = None, 0
        super().__init__(validators=validators, observers=0, start=False)
        try:
            self.bridge("lan0", f"10.77.0.{HERE}/24")
            bridge_make("desk", f"10.78.0.{HERE}/24")
            for name in self.validators:
                self.place(name)
                self.addresses_write(name, {peer: self.peer_address(peer) for peer in self.validators})
            self.start_all()
        except BaseException:
            self.close()
            raise

    def close(self):
        super().close()
        if self.proxy:
            self.proxy.close()
            self.proxy = None
        for name in self.validators:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        for name in [f"lan{i}" for i in range(self.bridges)] + ["desk"]:
            subprocess.run(["ip", "link", "del", name], capture_output=True)

    # Cables

    def bridge(self, name, address=None):
        self.bridges += 1
        bridge_make(name, address)

    @staticmethod
    def number(name):
        return int(name.rsplit("-", 1)[1])

    def peer_address(self, name):
        return f"10.77.0.{self.number(name)}:{PEER_PORT}"

    def mac(self, subnet, number):
        return f"02:00:00:{subnet:02x}:00:{number:02x}"

    def place(self, name):
        """A namespace, and its two cables."""
        number = self.number(name)
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        for cable, bridge, subnet in (("lan", "lan0", 77), ("desk", "desk", 78)):
            run("ip", "link", "add", f"{cable}-{number}", "type", "veth", "peer", "name", f"{cable}0", "address",
                self.mac(subnet, number), "netns", name)
            run("ip", "-n", name, "address", "add", f"10.{subnet}.0.{number}/24", "dev", f"{cable}0")
            run("ip", "-n", name, "link", "set", f"{cable}0", "up")
            run("ip", "link", "set", f"{cable}-{number}", "master", bridge, "up")
        # Kernels from 6.5 on dial four times a second apart; Debian 12's own waits 1, 2, then 4 s, which is harder.
        subprocess.run(["nsenter", f"--net=/run/netns/{name}", "sh", "-c",
                        "echo 0 >/proc/sys/net/ipv4/tcp_syn_linear_timeouts"], capture_output=True)
        # Known for good, or a cut would soon be an error that the nodes are told of.
        for peer in range(1, len(self.validators) + 1):
            if peer != number:
                run("ip", "-n", name, "neigh", "add", f"10.77.0.{peer}", "lladdr", self.mac(77, peer), "dev", "lan0")

    def cut(self, *groups):
        """From here on only nodes of one group reach each other; nodes of no group are with the first."""
        while self.bridges < len(groups):
            self.bridge(f"lan{self.bridges}")
        for name in self.validators:
            bridge = next((i for i, group in enumerate(groups) if name in group), 0)
            run("ip", "link", "set", f"lan-{self.number(name)}", "master", f"lan{bridge}")

    def heal(self):
        self.cut(self.validators)

    def roads_slow(self, slow, delay_s, stall_s, period_s):
        """Restarts all, with one validator at the end of a slow road to and from every other: no packet goes past it."""
        def road(name):
            return f"10.77.0.{HERE}", ROAD_PORT + self.number(name)

        self.proxy = SlowProxy(road(slow)[0], {road(name)[1]: (f"10.77.0.{self.number(name)}", PEER_PORT)
                                               for name in self.validators}, delay_s, stall_s, period_s)
        self.restart_with({name: {peer: "%s:%d" % road(peer) for peer in self.validators if slow in (name, peer)}
                           for name in self.validators})

    def roads_straight(self):
        self.restart_with({name: {peer: self.peer_address(peer) for peer in self.validators} for name in self.validators})
        self.proxy.close()
        self.proxy = None

    def mend(self):
        """Undoes what can have been done to it: all run, and are linked straight to each other."""
        self.heal()
        if self.proxy:
            self.roads_straight()
        self.start_all()

    def restart_with(self, addresses):
        for name in self.validators:
            self.stop(name)
            self.addresses_write(name, addresses[name])
        self.start_all()

    # Nodes

    def addresses_write(self, name, peers):
        """Where the node listens, and where it finds its peers: {name: address}."""
        path = self.home(name) / "node.yaml"
        text = path.read_text()
        text = re.sub(r"(?m)^peer_address:.*$", f"peer_address: {self.peer_address(name)}", text)
        text = re.sub(r"(?m)^rpc_address:.*$", f"rpc_address: 10.78.0.{self.number(name)}:{RPC_PORT}", text)
        for peer, address in peers.items():
            text = re.sub(rf'\{{name: {peer}, address: "[^"]*"\}}', f'{{name: {peer}, address: "{address}"}}', text)
        path.write_text(text)

    def start(self, name):
        subprocess.run(["nsenter", f"--net=/run/netns/{name}", network.TALLY, "--json", "devnet", "start", name, "--dir",
                        self.dir], check=True, capture_output=True, timeout=60)
        self.down_names.discard(name)

    def start_all(self):
        for name in self.validators:
            if not self.running(name):
                self.start(name)
        self.linked()

    def linked(self, limit_s=30):
        """Waits until every running validator is linked to every other."""
        up = [name for name in self.validators if name not in self.down_names]

        def stand():
            for name in up:
                status = self.status(name)
                peers = {peer["name"] for peer in status["peers"] if peer["connected"]} if status else set()
                if not peers.issuperset(set(up) - {name}):
                    return False
            return True

        return network.wait_until("links between all validators", stand, limit_s)
