"""The packages that scripts/package.sh makes: what is inside, what it needs of a system, and that it runs on a bare one.

PALS_PACKAGES names their folder, PALS_BINARY the program of a build. What is to run in a bare Debian 12 makes one with
debootstrap, as root, and is skipped with a line where that cannot be.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests/e2e"))
import support  # noqa: E402: found through the line above

PACKAGES = pathlib.Path(os.environ.get("PALS_PACKAGES", REPOSITORY / "dist"))
LIMITS = {"GLIBC": (2, 35), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}
# Of glibc, and of GCC: every system that runs C++ programs has them.
OF_THE_SYSTEM = re.compile(r"(ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libutil|libgcc_s|libstdc\+\+)\.so\.\d+")
ANY_USER = ["--userspec=12345:12345"]


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            check=False, timeout=1800, **options)
    assert result.returncode == 0, f"{command}: {result.stdout[-3000:]}"
    return result.stdout


def only(pattern):
    found = list(PACKAGES.glob(pattern))
    assert len(found) == 1, f"{PACKAGES} holds {len(found)} of {pattern}; run scripts/package.sh"
    return found[0]


def is_elf(path):
    with open(path, "rb") as stream:
        return stream.read(4) == b"\x7fELF"


def dynamic(path, tag):
    return re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-dW", path))


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="pals-packages-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.root = pathlib.Path(cls.temporary.name)
        cls.tarball, cls.deb = only("pals-*-linux-x86_64.tar.zst"), only("pals_*_amd64.deb")
        for name in "tar", "deb":
            (cls.root / name).mkdir()
        with subprocess.Popen(["zstd", "-dc", str(cls.tarball)], stdout=subprocess.PIPE) as unpacked:
            run("tar", "-x", "-C", cls.root / "tar", stdin=unpacked.stdout)
        run("dpkg-deb", "-x", cls.deb, cls.root / "deb")
        cls.trees = {"tar": next((cls.root / "tar").iterdir()), "deb": cls.root / "deb/usr"}

    def elves(self):
        for tree in self.trees.values():
            for path in sorted(tree.rglob("*")):
                if path.is_file() and is_elf(path):
                    yield tree, path

    def field(self, name):
        return run("dpkg-deb", "-f", self.deb, name).strip()

    def test_no_newer_symbols(self):
        for _, path in self.elves():
            needed = re.findall(r"Name: (GLIBC|GLIBCXX|CXXABI)_([\d.]+)", run("readelf", "-VW", path))
            for library, version in needed:
                self.assertLessEqual(tuple(map(int, version.split("."))), LIMITS[library], path)
        self.assertGreater(len(list(self.elves())), 10)

    def test_libraries_are_inside_or_depended_on(self):
        depended = set(re.findall(r"([a-z0-9+.-]+) \(", self.field("Depends")))
        for tree, path in self.elves():
            for library in dynamic(path, "NEEDED"):
                if (tree / "lib/pals" / library).exists() or path.name == "libpals_mpi.so" and library.startswith("libmpi.so"):
                    continue
                if tree == self.trees["tar"]:
                    self.assertRegex(library, OF_THE_SYSTEM, path)
                else:
                    owner = run("dpkg-query", "--search", "*/" + library)
                    self.assertTrue(depended & set(re.findall(r"(?m)^([^:,]+)[:,]", owner)), f"{path}: {library}: {owner}")

    def test_places_are_relative(self):
        homes = [str(path).encode() + b"/" for path in (REPOSITORY, pathlib.Path.home() / ".cache")]
        for _, path in self.elves():
            for places in dynamic(path, "RPATH") + dynamic(path, "RUNPATH"):
                self.assertTrue(all(place.startswith("$ORIGIN") for place in places.split(":")), f"{path}: {places}")
        for tree in self.trees.values():
            self.assertEqual(dynamic(tree / "bin/pals", "RPATH"), ["$ORIGIN/../lib/pals"])
            ours = [path for path in tree.rglob("*") if path.is_file() and not path.name.startswith("libtorch")]
            for path in ours:
                for home in homes:
                    self.assertNotIn(home, path.read_bytes(), path)

    def test_licences(self):
        for tree in self.trees.values():
            doc = tree / "share/doc/pals"
            text = (doc / "copyright").read_text(encoding="utf-8")
            self.assertEqual((doc / "LICENSE").read_bytes(), (REPOSITORY / "LICENSE").read_bytes())
            for library in (tree / "lib/pals").iterdir():
                if not library.name.startswith("libpals_"):
                    self.assertIn(f"lib/pals/{library.name}: ", text)
            named = re.findall(r": licenses/(\S+)$", text, re.MULTILINE)
            self.assertEqual(set(named), {path.name for path in (doc / "licenses").iterdir()})

    def test_pages_completion_and_unit(self):
        for tree, ending, prefix in (self.trees["tar"], "", "/opt/pals"), (self.trees["deb"], ".gz", "/usr"):
            pages = {path.name for path in (tree / "share/man/man1").iterdir()}
            self.assertLessEqual({f"pals.1{ending}", f"pals-train.1{ending}", f"pals-serve.1{ending}"}, pages)
            completion = (tree / "share/bash-completion/completions/pals").read_text(encoding="utf-8")
            self.assertIn("complete -o filenames -F _pals pals", completion)
            unit = (tree / "lib/systemd/system/pals.service").read_text(encoding="utf-8")
            self.assertIn(f"ExecStart={prefix}/bin/pals serve ", unit)

    def test_the_same_bytes_again(self):
        """Packed once more of the same build. (That a build gives the same bytes is shown by a second one.)"""
        build = os.environ.get("PALS_PACKAGED_BUILD", REPOSITORY / "build-package")
        again = self.root / "again"
        run(REPOSITORY / "scripts/package.sh", "--build", build, "--output", again)
        for package in self.tarball, self.deb:
            digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (package, again / package.name)}
            self.assertEqual(len(digests), 1, package.name)


def mirror():
    """Where this system has its packages from."""
    texts = [path.read_text(encoding="utf-8") for pattern in ("sources.list", "sources.list.d/*")
             for path in sorted(pathlib.Path("/etc/apt").glob(pattern)) if path.is_file()]
    found = re.search(r"(?m)^(?:URIs: *|deb (?:\[[^]]*\] )?)(\S+)", "\n".join(texts))
    return found.group(1) if found else "http://deb.debian.org/debian"


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("debootstrap"), "a bare Debian 12 needs root and debootstrap")
class BareDebian(support.PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.temporary = tempfile.TemporaryDirectory(prefix="pals-bare-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.bare = pathlib.Path(cls.temporary.name)
        run("debootstrap", "--variant=minbase", "bookworm", cls.bare, mirror())
        cls.bare.chmod(0o755)
        test = cls("setUp")
        test.folder = str(pathlib.Path(cls.model).parent)
        cls.run_folder = test.train("packaged", "--max_steps", "10", "--adapter", "pals", tasks="sst,rte")
        shutil.copytree(cls.run_folder, cls.bare / "data/run")
        shutil.copytree(cls.glue, cls.bare / "data/glue")
        shutil.copytree(cls.model, cls.bare / "data/model")

    def inside(self, *command, user=ANY_USER, stdin="", code=0):
        """Runs a command there; the mounts that it needs are its own and end with it."""
        script = 'for m in proc dev; do mount --rbind "/$m" "$0/$m"; done; exec chroot "$@"'
        result = subprocess.run(["unshare", "--mount", "sh", "-ec", script, str(self.bare), *user, str(self.bare),
                                 "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent",
                                 *map(str, command)],
                                input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=600)
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        return result.stdout if code == 0 else result.stderr

    def check_program(self, program):
        self.assertEqual(self.inside(program, "--version"), self.pals("--version").stdout)
        self.assertRegex(self.inside(program, "info", "--json"), '"mpi": ?"none"')
        flags = ["--tasks", "sst", "--json", "--precision", "fp32", "--threads", "1"]
        stdin = "word1 splendid\ndreadful word2\n"
        self.assertEqual(self.inside(program, "predict", "--model", "/data/run/final", *flags, stdin=stdin),
                         self.pals("predict", "--model", os.path.join(self.run_folder, "final"), *flags, stdin=stdin).stdout)
        train = [program, "train", "--tasks", "rte", "--data_dir", "/data/glue", "--init_checkpoint", "/data/model",
                 "--max_steps", "3", "--output_dir"]
        self.inside(*train, "/tmp/run-" + pathlib.Path(program).parent.parent.name)
        error = self.inside(*train, "/tmp/many", "--nproc", "2", code=2)
        self.check_words(error, "pals: --nproc 2: MPI does not load (libmpi.so", "install openmpi-bin")
        self.assertEqual(error.count("\n"), 1)

    def test_tarball(self):
        (self.bare / "home/any").mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(["zstd", "-dc", str(only("pals-*.tar.zst"))], stdout=subprocess.PIPE) as unpacked:
            run("tar", "-x", "-C", self.bare / "home/any", stdin=unpacked.stdout)
        folder = next((self.bare / "home/any").iterdir())
        self.check_program(f"/home/any/{folder.name}/bin/pals")

    def test_deb(self):
        """What Debian's own packages bring comes with apt here, and is installed there with ours."""
        deb = only("pals_*_amd64.deb")
        folder = self.bare / "debs"
        folder.mkdir()
        depends = re.findall(r"([a-z0-9+.-]+) \(", run("dpkg-deb", "-f", deb, "Depends"))
        there = self.inside("dpkg-query", "-W", "-f", "${Package}\n", user=[]).split()
        missing = sorted(set(depends) - set(there))
        if missing:
            run("apt-get", "-o", "APT::Sandbox::User=root", "download", *missing, cwd=folder)
        shutil.copy(deb, folder)
        names = [f"/debs/{path.name}" for path in sorted(folder.iterdir())]
        self.inside("dpkg", "--install", *names, user=[])
        self.check_program("/usr/bin/pals")
        self.inside("dpkg", "--purge", "pals", user=[])
        self.assertFalse(list(self.bare.glob("usr/lib/pals*")) + list(self.bare.glob("usr/share/man/man1/pals*")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
