"""Images of our own: what describes them, the same bytes each time, an archive that everybody reads."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from allup.errors import AllupError, InputError
from allup.images import layers, making, oci
from allup.images.description import Description, described, read
from allup.images.making import Machine
from allup.images.references import Reference

IMAGES = Path(__file__).parents[3] / "images"
MACHINE = Machine("bookworm", "amd64", ("/etc/apt/sources.list.d/some.sources",))


def make(folder: Path, name: str = "small", **sections: str) -> Description:
    text = {"reference": '"local/small:1"', "debian": '["tini"]', **sections}
    (folder / name).mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {value}" for key, value in text.items() if key != "tail"]
    (folder / name / "image.toml").write_text("\n".join(lines) + "\n" + sections.get("tail", ""))
    return read(folder, name)


# Descriptions


def test_every_image_of_this_checkout_is_described_soundly() -> None:
    assert "dask" in described(IMAGES)
    for name in described(IMAGES):
        assert read(IMAGES, name).reference.tag


def test_dasks_lock_pins_every_package_with_hashes_and_names_no_index() -> None:
    requirements = read(IMAGES, "dask").requirements
    pins = [line for line in requirements.splitlines() if "==" in line]
    assert {"dask", "distributed", "notebook"} <= {pin.partition("==")[0] for pin in pins}
    assert requirements.count("--hash=sha256:") >= len(pins)
    assert "://" not in requirements


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"debain": "[]"}, "did you mean 'debian'?"),
        ({"debian": '"tini"'}, "takes a list"),
        ({"reference": '"Local/Small"'}, "no capital letters"),
        ({"python": '"requirements.txt"'}, "which is not there"),
        ({"tail": '[folders]\n"/data" = "me"'}, "folders takes lines such as"),
        ({"tail": "[run]\nentrypont = []"}, "did you mean 'entrypoint'?"),
        ({"tail": "[run"}, "is not TOML"),
        ({"unpacked": '"yes"'}, "unpacked takes true or false"),
    ],
)
def test_a_slip_in_a_description_is_told_with_the_file(
    tmp_path: Path, sections: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError) as error:
        make(tmp_path, **sections)
    assert words in str(error.value)
    assert "image" in str(error.value)


def test_an_unknown_image_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'dask'"):
        read(IMAGES, "dusk")


def test_the_key_changes_with_everything_that_goes_in_and_with_nothing_else(tmp_path: Path) -> None:
    def key(**sections: str) -> str:
        return make(tmp_path, **sections).key("bookworm", "amd64")

    first = key()
    assert key() == first
    others = {
        key(debian='["tini", "python3"]'),
        key(reference='"local/small:2"'),
        key(tail='[run]\nuser = "1"'),
        key(tail='[folders]\n"/data" = "0:0"'),
        key(tail='[run]\nsignal = "SIGINT"'),
        key(tail='[links]\n"/data" = "elsewhere"'),
        key(unpacked="true"),
        key(without='["/usr/share/perl/*"]'),
        make(tmp_path).key("trixie", "amd64"),
        make(tmp_path).key("bookworm", "arm64"),
    }
    (tmp_path / "small" / "files").mkdir()
    (tmp_path / "small" / "files" / "hello").write_text("hello")
    others.add(key())
    (tmp_path / "small" / "files" / "hello").chmod(0o755)
    others.add(key())
    assert len({first, *others}) == 13


def test_images_with_the_same_debian_packages_share_their_root(tmp_path: Path) -> None:
    one = make(tmp_path, "one", debian='["a", "b"]')
    two = make(tmp_path, "two", debian='["b", "a"]', tail='[run]\nuser = "1"')
    assert one.base_key("bookworm", "amd64") == two.base_key("bookworm", "amd64")


# Layers


def root(*members: tuple[str, bytes | None], when: int = 5) -> io.BytesIO:
    """A Debian root as a tar: None is a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, contents in members:
            member = tarfile.TarInfo(f"./{path}")
            member.mtime, member.uname = when, "somebody"
            if contents is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents) if contents is not None else None)
    out.seek(0)
    return out


def names(layer: layers.Layer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(layer.file) as tar:
        return {member.name: member for member in tar}


STATUS = b"Package: tini\nVersion: 1\n\nPackage: python3.11-minimal\nStatus: ok\nVersion: 3.11.2-6+deb12u6\n"


def test_a_root_loses_what_tells_where_it_was_made(tmp_path: Path) -> None:
    members: list[tuple[str, bytes | None]] = [
        ("usr/bin/tini", b"x"),
        ("etc/apt/sources.list", b"deb http://mirror.example/debian bookworm main"),
        ("etc/apt/sources.list.d/0000some.sources", b"URIs: http://mirror.example"),
        ("etc/resolv.conf", b"nameserver 192.0.2.1"),
        ("etc/hostname", b"here"),
        ("etc/dpkg/dpkg.cfg.d/99mmdebstrap", b"force-unsafe-io"),
        ("var/lib/apt/lists", None),
        ("var/lib/apt/lists/mirror.example_InRelease", b"x"),
        ("dev", None),
        ("dev/null", b""),
        ("var/lib/dpkg/status", STATUS),
    ]
    layer, installed = layers.of_root(root(*members), tmp_path / "one.tar")
    assert set(names(layer)) == {"usr/bin/tini", "var/lib/apt/lists", "dev", "var/lib/dpkg/status"}
    assert installed == STATUS
    assert b"mirror.example" not in layer.file.read_bytes()


def test_a_root_without_dpkg_tells_its_packages_too(tmp_path: Path) -> None:
    members = [("var/lib/dpkg/status", b""), ("var/lib/dpkg/status.d/tini", b"Package: tini\nVersion: 1\n")]
    layer, installed = layers.of_root(root(*members), tmp_path / "one.tar")
    assert installed.strip() == b"Package: tini\nVersion: 1"
    assert "var/lib/dpkg/status.d/tini" in names(layer)


def test_the_same_contents_make_the_same_layer_whenever_and_by_whomever(tmp_path: Path) -> None:
    one, _ = layers.of_root(root(("a", b"1"), when=1), tmp_path / "one.tar")
    two, _ = layers.of_root(root(("a", b"1"), when=2), tmp_path / "two.tar")
    other, _ = layers.of_root(root(("a", b"2"), when=2), tmp_path / "three.tar")
    assert one.digest == two.digest != other.digest
    assert one.digest == "sha256:" + hashlib.sha256(one.file.read_bytes()).hexdigest()
    assert layers.hashed_file(one.file) == one


def test_files_are_roots_and_folders_belong_to_whom_they_are_for(tmp_path: Path) -> None:
    program, link = tmp_path / "program", tmp_path / "link"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    link.symlink_to("program")
    layer = layers.of_tree(
        {
            "/usr/local/bin/program": program,
            "/usr/local/bin/link": link,
            "/etc/text": b"x",
            "/var/log/access.log": layers.Link("/dev/stdout"),
        },
        {"/arl/data": (1000, 100)},
        tmp_path / "layer.tar",
    )
    found = names(layer)
    assert (found["usr/local/bin/program"].mode, found["usr/local/bin/program"].uid) == (0o755, 0)
    assert found["etc/text"].mode == 0o644
    assert found["usr/local/bin/link"].linkname == "program"
    assert found["var/log/access.log"].linkname == "/dev/stdout"
    assert (found["arl/data"].uid, found["arl/data"].gid, found["arl/data"].isdir()) == (1000, 100, True)
    assert found["usr/local"].isdir()


# The archive


def image(tmp_path: Path, name: str = "image.tar") -> tuple[Path, str]:
    layer = layers.of_tree({"/a": b"1"}, {}, tmp_path / "layer.tar")
    file = tmp_path / name
    digest = oci.write(
        file,
        [layer],
        oci.Runs(("tini", "--"), ("run",), "/arl", "1000", {"HOME": "/home"}, "SIGQUIT"),
        names=[Reference.parse("local/small:1"), Reference.parse("local/small:content-1")],
        content="1" * 64,
        machine="amd64",
    )
    return file, digest


def test_the_archive_is_an_oci_layout_and_a_docker_archive_and_every_digest_is_right(tmp_path: Path) -> None:
    file, digest = image(tmp_path)
    with tarfile.open(file) as tar:
        members = {member.name: member for member in tar}

        def blob(name: str) -> bytes:
            stream = tar.extractfile(members[name])
            assert stream is not None
            return stream.read()

        def addressed(descriptor: dict[str, Any]) -> bytes:
            data = blob("blobs/" + descriptor["digest"].replace(":", "/"))
            assert descriptor["size"] == len(data)
            assert descriptor["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
            return data

        index = json.loads(blob("index.json"))
        manifest = json.loads(addressed(index["manifests"][0]))
        config = json.loads(addressed(manifest["config"]))
        diff_ids = [f"sha256:{hashlib.sha256(addressed(one)).hexdigest()}" for one in manifest["layers"]]
        archive = json.loads(blob("manifest.json"))[0]
        assert archive["Config"] in members
        assert all(layer in members for layer in archive["Layers"])
    assert index["manifests"][0]["digest"] == digest
    assert [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]] == [
        "docker.io/local/small:1",
        "docker.io/local/small:content-1",
    ]
    assert config["rootfs"]["diff_ids"] == diff_ids
    assert config["config"]["Labels"] == {"allup.content": "1" * 64}
    assert config["config"]["Env"] == ["HOME=/home"]
    assert config["config"]["StopSignal"] == "SIGQUIT"
    assert archive["RepoTags"] == ["local/small:1", "local/small:content-1"]


def test_the_same_image_is_the_same_file(tmp_path: Path) -> None:
    one, first = image(tmp_path, "one.tar")
    two, second = image(tmp_path, "two.tar")
    assert first == second
    assert one.read_bytes() == two.read_bytes()


# Making (mmdebstrap and pip are stood in for: the real ones take minutes, and run for tests/nodes)


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment whose mmdebstrap writes a tiny root, and counts how often."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "root.tar").write_bytes(root(("usr/bin/tini", b"x"), ("var/lib/dpkg/status", STATUS)).read())
    script = folder / "mmdebstrap"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncat {tmp_path}/root.tar\n')
    script.chmod(0o755)
    return {
        "PATH": f"{folder}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def test_an_unchanged_description_is_not_made_again_and_a_changed_one_is(
    tmp_path: Path, programs: dict[str, str]
) -> None:
    told: list[str] = []

    def made(**sections: str) -> making.Made:
        described = make(tmp_path / "images", **sections)
        return making.make(described, programs, say=told.append, machine=MACHINE)

    first, again = made(), made()
    assert (first.fresh, again.fresh) == (True, False)
    assert again.digest == first.digest
    other = made(tail='[run]\nuser = "7"')
    assert other.fresh
    assert other.by_content != first.by_content
    assert not first.file.exists()  # what nobody describes any more does not stay
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 1  # the root of packages is shared
    assert calls[0].endswith("bookworm - /etc/apt/sources.list.d/some.sources")
    assert "--include=tini" in calls[0]


def test_packages_that_are_only_unpacked_leave_out_what_is_not_wanted(
    tmp_path: Path, programs: dict[str, str]
) -> None:
    described = make(tmp_path / "images", unpacked="true", without='["/usr/share/perl/*"]')
    making.make(described, programs, say=print, machine=MACHINE)
    words = (tmp_path / "calls").read_text()
    assert "--variant=extract" in words
    assert "minbase" not in words
    assert "--dpkgopt=path-exclude=/usr/share/perl/*" in words


def test_a_failing_mmdebstrap_is_told_in_its_own_last_words(tmp_path: Path, programs: dict[str, str]) -> None:
    (tmp_path / "bin" / "mmdebstrap").write_text("#!/bin/sh\necho 'E: no such package: tinny' >&2\nexit 25\n")
    with pytest.raises(AllupError, match=r"mmdebstrap failed \(25\). E: no such package: tinny"):
        making.make(make(tmp_path / "images"), programs, say=lambda _: None, machine=MACHINE)
    assert not list((tmp_path / "cache" / "allup" / "images").glob("*.tar"))


def test_a_missing_mmdebstrap_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(AllupError, match="apt-get install -y mmdebstrap"):
        making.make(make(tmp_path / "images"), environ, say=lambda _: None, machine=MACHINE)


def test_python_packages_are_fetched_for_the_images_python_and_not_for_ours() -> None:
    words = making.pip(Path("lock.txt"), Path("target"), "3.11.2").argv
    assert words[words.index("--python-version") + 1] == "3.11.2"
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(words)


def test_a_machine_without_apt_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(AllupError, match="apt sources, and it has none"):
        making.this_machine(tmp_path)
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('NAME="Debian"\nVERSION_CODENAME=bookworm\n')
    (tmp_path / "etc/apt/sources.list.d/a.sources").write_text("Types: deb\nURIs: x\n")
    (tmp_path / "etc/apt/sources.list.d/b.sources.off").write_text("Types: deb\n")
    found = making.this_machine(tmp_path)
    assert found.suite == "bookworm"
    assert [Path(source).name for source in found.sources] == ["a.sources"]
