"""What kind of file system a folder lies on, and what follows for the state."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError
from wavebuild.store import mounts
from wavebuild.store.layout import layout_in

STEPS = "steps: {a: {inputs: s, outputs: out, run: 'note a; cat s > out'}}\n"


def mounted(path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, *others: Path) -> None:
    """From now on the system says that these folders lie on such a file system, and all else on ext4."""
    lines = [b"21 1 7:77 / / rw,relatime shared:1 - ext4 /dev/root rw"]
    for number, folder in enumerate((path, *others)):
        device = os.stat(folder).st_dev
        where = f"{os.major(device)}:{os.minor(device)}"
        lines.append(f"{40 + number} 21 {where} / {folder} rw,nosuid master:3 shared:9 - {kind} server:/x rw".encode())
    file = path.parent / "mountinfo"
    file.write_bytes(b"\n".join(lines) + b"\n")
    monkeypatch.setattr(mounts, "MOUNTS", str(file))


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A project on a file system without a disk of its own, as those of a network are, and a home on another one."""
    assert os.major(os.stat("/dev/shm").st_dev) == 0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        shop = Workshop(Path(folder), monkeypatch)
        shop.setenv(HOME=str(tmp_path))
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        shop.put("s", "1")
        shop.wavefile(STEPS)
        yield shop


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "lustre"])
def test_of_a_network(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a folder that is not there yet; the last mount over a place is in force."""
    mounted(tmp_path, kind, monkeypatch)

    assert mounts.kind_of(str(tmp_path)) == mounts.network_of(str(tmp_path / "no/such")) == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.ntfs-3g", "vfat"])
def test_of_this_machine(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kind is told, and is no network's."""
    mounted(tmp_path, kind, monkeypatch)

    assert (mounts.kind_of(str(tmp_path)), mounts.network_of(str(tmp_path))) == (kind, "")


@pytest.mark.parametrize(("kind", "ours"), [("tmpfs", True), ("overlay", True), ("nfs4", False), ("fuse.any", False)])
def test_times_are_this_machines_where_its_kernel_gives_them(
    kind: str, ours: bool, apart: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server says of times is not relied on; on a disk of this machine nothing need be asked."""
    file = apart.home / "mountinfo"
    device = apart.root.stat().st_dev
    file.write_text(f"40 21 {os.major(device)}:{os.minor(device)} / {apart.root} rw - {kind} server:/x rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", str(file))

    assert mounts.is_of_this_machine(str(apart.root)) == ours


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"1 2\n3 4 5:6 - x", b"- - - - - - - -"])
def test_what_the_system_says_may_be_anything(text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody can tell; nor where it says nothing at all."""
    (tmp_path / "mountinfo").write_bytes(text)
    for path in (tmp_path / "mountinfo", tmp_path / "none"):
        monkeypatch.setattr(mounts, "MOUNTS", str(path))
        assert mounts.kind_of(str(tmp_path)) == ""


class TestState:
    @pytest.mark.scenario(id="C7")
    def test_that_of_a_project_on_a_network_goes_home(self, apart: Workshop, monkeypatch: pytest.MonkeyPatch):
        """Said in one line by the build that begins it; the next has nothing to do, and questions look there too."""
        mounted(apart.root, "nfs4", monkeypatch)

        first, again = apart.build(), apart.build()

        home = Path(os.environ["HOME"]) / ".local/state/wavebuild"
        (folder,) = home.iterdir()
        said = f"state in {folder}: the project lies on a network file system (nfs4)"
        assert (first.notices, again.notices, again.ran) == (said, "", [])
        assert (folder / "Wavefile.db").exists()
        assert not (apart.root / ".wavebuild/state").exists()
        assert apart.plan() == {"a": "FRESH"}
        assert again.result.nothing_to_do

    def test_xdg_says_where_home_is(self, apart: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        """A path that is not absolute counts as none."""
        mounted(apart.root, "nfs", monkeypatch)
        told = layout_in(str(apart.root), "Wavefile", {"XDG_STATE_HOME": str(tmp_path / "x"), "HOME": "/h"})
        odd = layout_in(str(apart.root), "Wavefile", {"XDG_STATE_HOME": "x", "HOME": str(tmp_path)})

        assert told.folder.startswith(f"{tmp_path}/x/wavebuild/root-")
        assert odd.folder.startswith(f"{tmp_path}/.local/state/wavebuild/root-")

    def test_what_a_person_has_chosen_wins(self, apart: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        """By the variable or the setting."""
        mounted(apart.root, "nfs", monkeypatch)
        apart.setenv(WAVEBUILD_STATE_DIR=str(tmp_path / "mine"))

        assert apart.build().notices.startswith(f"state in {tmp_path}/mine/")

    def test_where_the_home_is_on_a_network_as_well_it_stays(self, apart: Workshop, monkeypatch: pytest.MonkeyPatch):
        """It is said what helps."""
        apart.setenv(HOME=str(apart.home / "home"))
        (apart.home / "home").mkdir()
        mounted(apart.root, "cifs", monkeypatch)

        assert "WAVEBUILD_STATE_DIR=FOLDER" in apart.build().notices
        assert (apart.root / ".wavebuild/state/Wavefile.db").exists()

    def test_a_state_that_lay_on_the_network_is_left_behind(self, apart: Workshop, monkeypatch: pytest.MonkeyPatch):
        """Steps run again, over what they made."""
        apart.settle()
        mounted(apart.root, "nfs4", monkeypatch)

        built = apart.build(full=True)

        assert (built.code, built.ran, apart.displaced("out")) == (0, ["a"], [])


class TestRights:
    """S9: nobody may change the state who may not change the project."""

    @pytest.fixture
    def built(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
        shop = Workshop(tmp_path, monkeypatch)
        shop.put("s", "1")
        shop.wavefile(STEPS)
        shop.settle()
        shop.put("s", "2")
        return shop

    def refused(self, shop: Workshop) -> str:
        with pytest.raises(WavebuildError) as caught:
            shop.build()
        assert caught.value.exit_code == 1
        assert shop.read("out") == "1"
        return str(caught.value)

    @pytest.mark.scenario(id="S9")
    @pytest.mark.parametrize("folder", [".wavebuild", ".wavebuild/state"])
    def test_a_link_is_refused(self, built: Workshop, folder: str):
        """It may lead anywhere, tomorrow elsewhere."""
        (built.root / folder).rename(built.home / "there")
        (built.root / folder).symlink_to(built.home / "there")

        said = self.refused(built)

        assert f"{built.root}/{folder}: the folder of the state is a link" in said
        assert "WAVEBUILD_STATE_DIR" in said

    @pytest.mark.scenario(id="S9")
    def test_a_folder_that_everybody_may_write_to_is_refused(self, built: Workshop):
        """But not where the project is everybody's as well, as on disks that know no rights."""
        (built.root / ".wavebuild").chmod(0o777)
        assert "chmod o-w" in self.refused(built)

        built.root.chmod(0o777)
        assert built.build().ran == ["a"]
