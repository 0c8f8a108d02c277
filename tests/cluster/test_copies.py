#!/usr/bin/python3
"""One key is one node: a home in use, a copy of one, and a backup put back are refused, each with a sentence that says what
was found and what to do."""

import os
import shutil
import subprocess

import network
from network import wait_until

FOLLOWS = "this validator follows and does not vote"


def tallyd(home, *arguments):
    """Runs a daemon that is expected to refuse; returns what it says."""
    ran = subprocess.run([network.TALLYD, "--home", home, *arguments], capture_output=True, text=True, timeout=30)
    if ran.returncode != 1:
        raise AssertionError(f"tallyd --home {home} ended with {ran.returncode}: {ran.stderr}")
    return ran.stderr


def copy(source, target):
    subprocess.run(["cp", "-a", source, target], check=True)


class CopiesTest(network.NetworkTest):
    network_options = {}

    def is_refused_as_a_copy(self, home):
        said = tallyd(home)
        for part in (f"{home}/data/votes is a copy", "its mark was made in inode", f"delete {home}/data/votes"):
            self.assertIn(part, said)

    def test_1_a_second_process_is_refused_and_told_the_first_one_s_pid(self):
        name = "validator-1"
        home, link = self.net.home(name), self.net.folder / "link"
        link.symlink_to(home)
        aside = self.net.folder / "other-home"
        aside.mkdir(mode=0o700)
        for file in home.iterdir():
            (aside / file.name).symlink_to(file)
        for other in (home, link, aside):  # the last one is another folder with links in it, to data/ too
            said = tallyd(other)
            self.assertIn("is in use by another process", said)
            self.assertRegex(said, rf"pid is {self.net.pid(name)}\b")
        self.assertTrue(self.net.running(name))

    def test_2_a_copy_of_a_running_validator_is_refused(self):
        name = "validator-2"
        home = self.net.folder / "copy-of-running"
        copy(self.net.home(name), home)
        self.is_refused_as_a_copy(home)
        self.assertTrue(self.net.running(name))
        self.net.agreement()

    def test_3_a_copy_of_a_stopped_validator_is_refused_and_the_original_goes_on(self):
        name = "validator-2"
        home = self.net.folder / "copy-of-stopped"
        self.net.stop(name)
        copy(self.net.home(name), home)
        self.is_refused_as_a_copy(home)
        size = self.net.log_size(name)
        self.net.start(name)
        self.assertEqual(len(self.net.log_lines(name, "votes=yes", since=size)), 1)
        self.net.agreement()

    def test_4_a_home_that_was_moved_goes_on(self):
        name = "validator-3"
        home, aside = self.net.home(name), self.net.folder / "aside"
        self.net.stop(name)
        home.rename(aside)
        copy(aside, home)  # in its old place now stands a copy
        self.is_refused_as_a_copy(home)
        shutil.rmtree(home)
        aside.rename(home)
        size = self.net.log_size(name)
        self.net.start(name)
        self.assertEqual(len(self.net.log_lines(name, "votes=yes", since=size)), 1)
        self.net.agreement()

    def test_5_a_backup_put_back_is_refused_and_without_its_votes_the_node_follows(self):
        name = "validator-4"
        data, backup = self.net.home(name) / "data", self.net.folder / "backup"
        self.net.stop(name)
        copy(data, backup)
        self.net.start(name)  # it votes on: the backup is older now
        self.net.agreement()
        self.net.stop(name)
        copy(f"{backup}/.", data)  # over the newer one
        said = tallyd(self.net.home(name))
        self.assertIn(f"{data}/votes is a copy", said)
        shutil.rmtree(data)
        copy(backup, data)  # in its place
        self.assertIn(f"{data}/votes is a copy", tallyd(self.net.home(name)))
        shutil.rmtree(data / "votes")
        said = tallyd(self.net.home(name), "--init")  # no way back into voting
        self.assertIn("this validator was started before", said)
        self.assertFalse(os.path.exists(data / "votes"))
        (data / "ledger").rename(data / "aside")
        (data / "ledger").symlink_to("/nonexistent/volume")  # of its own, and not mounted
        said = tallyd(self.net.home(name), "--init")
        self.assertIn("this validator was started before", said)
        self.assertFalse(os.path.exists(data / "votes"))
        (data / "ledger").unlink()
        (data / "aside").rename(data / "ledger")
        self.net.expected.append(FOLLOWS)
        size = self.net.log_size(name)
        self.net.start(name)
        self.assertEqual(len(self.net.log_lines(name, FOLLOWS, since=size)), 1)
        height, _ = self.net.agreement()
        wait_until("a block it did not have", lambda: self.net.status(name)["finalized_height"] > height)

    def test_6_an_observer_may_be_restored(self):
        name = "observer-1"
        data, backup = self.net.home(name) / "data", self.net.folder / "observer-backup"
        self.net.stop(name)
        copy(data, backup)
        shutil.rmtree(data)
        copy(backup, data)
        self.net.start(name)
        self.net.agreement()


if __name__ == "__main__":
    network.main()
