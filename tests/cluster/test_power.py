#!/usr/bin/python3
"""The power of all nodes is cut at once, and whatever was not synced is gone, LevelDB's files too; the disk under a node
fails; a node's disk is full. Nothing that was answered as final is lost, and every node comes back without a hand."""

import random
import time

import grpc

import network
import own_disk
from daemons import Daemons
from network import DONE, FULL, REFUSED, UNREACHABLE, wait_until

own_disk.require()

import rpc  # noqa: E402
from writer import Writer, receipts_check  # noqa: E402

ROUNDS = 100 if FULL else 4
DISK_MIB = 16384 if FULL else 1024
SMALL_DISK_MIB = 512
LOAD_S = 1.5
STOPPED = "the node stops"


class PowerTest(network.NetworkTest):
    def cuttable(self):
        """A network with all its homes on one disk."""
        disk = own_disk.Disk(DISK_MIB)
        self.addCleanup(disk.close)
        at = disk.folder / "mount"
        at.mkdir()
        disk.mount(at)
        net = Daemons(within=at)
        self.networks.append(net)
        self.addCleanup(net.close)
        for name in net.names:
            net.init(name)
        net.start_all()
        return disk, net

    def writers(self, net):
        writers = [Writer(net, name, pause_s=0.02) for name in net.validators]
        for writer in writers:
            writer.start()
        return writers

    def submit_some(self, net, name="validator-1"):
        """Of what was final before a power cut the checkpoints are certified once more: meanwhile one is told to try again."""
        with rpc.Client(net, name) as client:
            member = rpc.Member(net, name)

            def submitted():
                try:
                    return client.submit(member.batch([member.opening()])).height
                except grpc.RpcError as refusal:
                    if refusal.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                        raise
                    return None
            return wait_until("a batch to be taken", submitted, 30, 0.2)

    @staticmethod
    def ended(net):
        return [name for name in net.validators if net.pid(name) is None]

    def final_of(self, writers):
        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        return [event for writer in writers for event in writer.final]

    def test_1_after_a_power_cut_of_all_nodes_nothing_final_is_lost(self):
        disk, net = self.cuttable()
        net.expected += [STOPPED, "a read for a stream failed"]
        chance = random.Random(1)
        total = 0
        files = network.synth(net.logs, seed=7, subjects=8000 if FULL else 2000)
        for number in range(ROUNDS):
            writers = self.writers(net)
            imports = [network.tally_start("import", file, home=net.home(name)) for name, file in files.items()]
            wait_until("events to be final", lambda: all(writer.final for writer in writers), every_s=0.01)
            time.sleep(chance.uniform(0, LOAD_S))
            disk.cut_power()
            if number % 2 == 0:  # the disk died under them: who still writes sees that, and ends by itself
                net.down_names.update(net.names)
                wait_until("the end of more than may fail", lambda: len(self.ended(net)) > 1, 60)
                for name in self.ended(net):
                    self.assertEqual(net.ended(name), 1, name)
                    self.assertTrue(net.log_lines(name, STOPPED), name)
            net.kill(*net.names)
            final = self.final_of(writers)
            for process in imports:  # their own files are on that disk too
                self.assertIn(network.tally_end(process).code, (DONE, REFUSED, UNREACHABLE))
            disk.power_on()
            net.start_all()
            self.submit_some(net)
            height, _ = net.agreement()
            for name in ("validator-2", "observer-1"):
                receipts_check(self, net, name, final)
            total += len(final)
        for name, outcome in net.import_all(files).items():
            self.assertEqual((outcome.code, outcome.json["rejected"]), (DONE, 0), outcome)
        net.agreement(height)
        for name in net.names:
            net.stop(name)
            self.assertTrue(network.tally("fsck", home=net.home(name), check=DONE).json["clean"])
        print(f"\n{ROUNDS} power cuts, {total} events answered as final, all there; height {height}", end=" ")

    def test_2_on_a_full_disk_a_node_stops_says_so_and_goes_on_once_there_is_space(self):
        name = "validator-4"
        disk = own_disk.Disk(SMALL_DISK_MIB)
        self.addCleanup(disk.close)
        net = Daemons()
        self.networks.append(net)
        self.addCleanup(net.close)
        data = net.home(name) / "data"
        data.mkdir(exist_ok=True)
        disk.mount(data)
        (data / "lost+found").rmdir()
        for each in net.names:
            net.init(each)
        net.start_all()
        net.expected += [STOPPED, "cannot be opened"]
        writers = self.writers(net)
        files = network.synth(net.logs, seed=9, subjects=8000, members=3)
        imports = {each: network.tally_start("import", file, home=net.home(each)) for each, file in files.items()}
        wait_until("events to be final", lambda: all(writer.final for writer in writers), every_s=0.01)
        disk.fill()
        self.assertEqual(net.ended(name), 1)
        said = net.log_lines(name, STOPPED)
        self.assertTrue(said and all("no space is left" in line for line in said), said)
        self.assertEqual(network.tally("status", home=net.home(name)).code, UNREACHABLE)
        # The others go on.
        for process in imports.values():
            outcome = network.tally_end(process)
            self.assertEqual((outcome.code, outcome.json["rejected"]), (DONE, 0), outcome)
        height = self.submit_some(net)
        final = self.final_of(writers)
        # Without space it does not start, or, with what an unfinished snapshot gave back, not for long, and says why.
        size = len(net.log(name))
        net.start(name)
        code = net.ended(name)
        self.assertEqual(code, 1)
        self.assertIn("no space is left", net.log(name)[size:])
        disk.make_space()
        net.start(name)
        net.answers(name)
        net.agreement(height)
        receipts_check(self, net, name, final)
        print(f"\nfull: {said[0].split(' ', 2)[2]}", end=" ")


if __name__ == "__main__":
    network.main()
