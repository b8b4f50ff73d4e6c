#!/usr/bin/env python3
"""Training on two hosts that this machine plays: two network namespaces with a link between them.

  bench/scaling.py --data_dir glue --init_checkpoint MODEL [--link fast|slow|both] [flags of `pals train`]

Prints for one rank and for two, one in each namespace: examples a second, bytes a step between the ranks, and the share of
communication that passed behind computation. The slow link has 100 Mbit/s and 10 ms each way: by tc's netem where the
kernel has it, else by a relay of this program's between two TUN devices. Needs root, iproute2 and mpirun; where network
namespaces are not permitted it says so and ends with status 77.
"""

import argparse
import collections
import fcntl
import json
import os
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

NOT_PERMITTED = 77
ADDRESSES = "10.213.77.1", "10.213.77.2"
NETWORK = "10.213.77.0/24"
SLOW_BITS, SLOW_DELAY = 100e6, 0.010
MTU = 9000
CLONE_NEWNET = 0x40000000


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise OSError("%s: %s" % (" ".join(command), result.stderr.strip()))
    return result.stdout


class Relay:
    """Carries packets between a TUN device in each namespace, so late and so fast as the link says."""

    def __init__(self, namespaces):
        self.devices = [self.open(namespace, number) for number, namespace in enumerate(namespaces)]
        self.process = None

    def start(self):
        """Once the devices are up."""
        self.process = os.fork()
        if self.process == 0:
            try:
                self.carry()
            finally:
                os._exit(1)
        for device in self.devices:
            os.close(device)

    @staticmethod
    def open(namespace, number):
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open("/var/run/netns/" + namespace, os.O_RDONLY)
        libc = __import__("ctypes").CDLL(None, use_errno=True)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError("setns")
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"link%d" % number, 0x0001 | 0x1000))
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)
        return device

    def carry(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        waiting = [collections.deque(), collections.deque()]  # (when it arrives, packet), by the end it goes to
        line_free = [0.0, 0.0]
        selector = selectors.DefaultSelector()
        for device in self.devices:
            selector.register(device, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            due = [queue[0][0] for queue in waiting if queue]
            for key, _ in selector.select(max(0.0, min(due) - now) if due else None):
                to = 1 - self.devices.index(key.fd)
                for _ in range(64):
                    try:
                        packet = os.read(key.fd, MTU + 64)
                    except BlockingIOError:
                        break
                    # The line takes packets one after the other; they are then on their way.
                    line_free[to] = max(line_free[to], time.monotonic()) + len(packet) * 8 / SLOW_BITS
                    waiting[to].append((line_free[to] + SLOW_DELAY, packet))
            now = time.monotonic()
            for to, queue in enumerate(waiting):
                while queue and queue[0][0] <= now:
                    os.write(self.devices[to], queue.popleft()[1])

    def stop(self):
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)


class TwoHosts:
    """Two namespaces, their link up, and how mpirun reaches the second."""

    def __init__(self, folder, slow):
        self.names = ["pals%d-%s" % (os.getpid(), end) for end in "ab"]
        self.relay = None
        self.agent = os.path.join(folder, "agent")
        with open(self.agent, "w", encoding="utf-8") as stream:
            stream.write('#!/bin/sh\nshift\nexec ip netns exec %s sh -c "$*"\n' % self.names[1])
        os.chmod(self.agent, 0o755)
        try:
            for name in self.names:
                run("ip", "netns", "add", name)
            self.kind = self.connect(slow)
        except OSError:
            self.remove()
            raise

    def inside(self, end, *command):
        return run("ip", "netns", "exec", self.names[end], *command)

    def connect(self, slow):
        names = ["link0", "link1"]
        run("ip", "link", "add", names[0], "netns", self.names[0], "type", "veth", "peer", "name", names[1], "netns",
            self.names[1])
        kind = "veth pair"
        if slow:
            try:
                for end, name in enumerate(names):
                    self.inside(end, "tc", "qdisc", "add", "dev", name, "root", "netem", "delay", "10ms", "rate", "100mbit")
                kind = "netem: 10 ms, 100 Mbit/s"
            except OSError:
                self.inside(0, "ip", "link", "del", names[0])
                self.relay = Relay(self.names)
                kind = "TUN relay: 10 ms, 100 Mbit/s"
        for end, name in enumerate(names):
            self.inside(end, "ip", "address", "add", ADDRESSES[end] + "/24", "dev", name)
            self.inside(end, "ip", "link", "set", name, "mtu", str(MTU), "up")
            self.inside(end, "ip", "link", "set", "lo", "up")
        if self.relay:
            self.relay.start()
        return kind

    def round_trip(self):
        """Milliseconds from a TCP connection's start to its end."""
        server = subprocess.Popen(["ip", "netns", "exec", self.names[1], sys.executable, "-c",
                                   "import socket; s = socket.create_server(('%s', 7777)); print(flush=True); s.accept()"
                                   % ADDRESSES[1]], stdout=subprocess.PIPE)
        server.stdout.readline()
        took = self.inside(0, sys.executable, "-c", "import socket, time; began = time.monotonic()\n"
                           "socket.create_connection(('%s', 7777), 20)\nprint(time.monotonic() - began)" % ADDRESSES[1])
        server.wait()
        return 1000 * float(took)

    def mpirun(self, command):
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        return ["ip", "netns", "exec", self.names[0], "mpirun", *root, "--bind-to", "none", "--host", ",".join(ADDRESSES),
                "--mca", "plm_rsh_agent", self.agent, "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", NETWORK,
                "--mca", "oob_tcp_if_include", NETWORK, *command]

    def remove(self):
        if self.relay:
            self.relay.stop()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def last_line(folder):
    """Of metrics.jsonl: examples and seconds, and with many ranks what they said of their traffic."""
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    examples = sum(line["rows"] for line in lines if "step" in line)
    return examples, lines[-1]


def measure(command, folder, pals, flags):
    """One run; its figures."""
    arguments = [pals, "train", "--output_dir", folder, "--do_train", *flags]
    result = subprocess.run(command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        sys.exit("scaling.py: %s\n%s" % (" ".join(command(arguments)), result.stderr[-4000:]))
    examples, figures = last_line(folder)
    return {"examples_a_second": examples / (figures["seconds_a_step"] * figures["steps"]), **figures}


def show(title, figures, alone):
    print("%-34s %7.2f examples/s (%.2f of one rank's)  %8.3f s a step" %
          (title, figures["examples_a_second"], figures["examples_a_second"] / alone["examples_a_second"],
           figures["seconds_a_step"]), end="")
    if figures["ranks"] > 1:
        print("  %8.2f MB a step in %.3f s, %3.0f %% hidden" %
              (figures["bytes_a_step"] / 1e6, figures["communication_seconds_a_step"], 100 * figures["hidden"]), end="")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pals", default="build/pals")
    parser.add_argument("--link", choices=["fast", "slow", "both"], default="both")
    parser.add_argument("--max_steps", default="20")
    parser.add_argument("--json", action="store_true", help="end with a line of JSON")
    options, flags = parser.parse_known_args()
    if not shutil.which("mpirun") or not shutil.which("ip"):
        sys.exit("scaling.py: mpirun (openmpi-bin) and ip (iproute2) are needed")
    flags += ["--max_steps", options.max_steps, "--threads", "1"]
    pals = os.path.abspath(options.pals)
    found = {}
    with tempfile.TemporaryDirectory(prefix="pals-scaling-") as folder:
        alone = measure(lambda arguments: arguments, folder + "/alone", pals, flags)
        show("one rank", alone, alone)
        for link in ["fast", "slow"] if options.link == "both" else [options.link]:
            try:
                hosts = TwoHosts(folder, link == "slow")
            except OSError as error:
                print("no network namespaces here: %s" % error)
                sys.exit(NOT_PERMITTED)
            try:
                print("-- %s, a connection takes %.1f ms" % (hosts.kind, hosts.round_trip()))
                for title, more in [("two hosts", []), ("two hosts, bf16 gradients", ["--gradient_type", "bf16"])]:
                    figures = measure(hosts.mpirun, "%s/%s%d" % (folder, link, len(more)), pals, flags + more)
                    show(title, figures, alone)
                    found["%s, %s" % (link, title)] = figures
            finally:
                hosts.remove()
    if options.json:
        print(json.dumps({"one rank": alone, **found}))


if __name__ == "__main__":
    main()
