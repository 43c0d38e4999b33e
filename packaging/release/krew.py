"""Makes the archive that krew installs, the same bytes each time, and fills in the manifest: krew.py TAG DIRECTORY."""

import gzip
import hashlib
import io
import re
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging" / "krew"
ARCHIVE = "kubectl-fairlead.tar.gz"
_ADDRESS = re.compile(r'\{\{addURIAndSha "(?P<uri>[^"]+)" \.TagName \}\}')
_TAG = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")


def archive() -> bytes:
    """Return the plugin and the licence as a tar.gz of no date and no owner."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, mode in ((FOLDER / "kubectl-fairlead", 0o755), (ROOT / "LICENSE", 0o644)):
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = path.stat().st_size, mode
            with path.open("rb") as content:
                tar.addfile(member, content)
    return gzip.compress(packed.getvalue(), mtime=0)


def manifest(tag: str, sha256: str) -> str:
    """Return the template filled in, as krew's own release bot fills it in.

    Source: https://github.com/rajatjindal/krew-release-bot (addURIAndSha)
    """
    text = (FOLDER / "fairlead.yaml").read_text().replace("{{ .TagName }}", tag)
    return _ADDRESS.sub(lambda found: f"uri: {found['uri']}\n    sha256: {sha256}", text)


def main() -> None:
    if len(sys.argv) != 3 or not _TAG.fullmatch(sys.argv[1]):
        sys.exit("krew.py: takes TAG DIRECTORY; a tag is written like v1.2.3")
    tag, directory = sys.argv[1], Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    data = archive()
    (directory / ARCHIVE).write_bytes(data)
    (directory / "fairlead.yaml").write_text(manifest(tag, hashlib.sha256(data).hexdigest()))


if __name__ == "__main__":
    main()
