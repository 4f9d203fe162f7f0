"""How the package of each peer is built and installed, and how its README's example is run with it."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Callable, Dict, Mapping, Sequence, Tuple

import hex_package
from packages import LICENCES, OUTPUT, Package, PackageFailed, Work

MAVEN_REPOSITORY = Path("/usr/share/maven-repo")
"""Maven's plugins as Debian installs them; with them, nothing is fetched."""

GO_MODULE = "bookend.example/go/bookend"
MCS = ("mcs", "-langversion:7", "-optimize+", "-warnaserror")


def one(folder: Path, pattern: str) -> Path:
    """The only file of that pattern."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise PackageFailed(f"{len(found)} files {pattern} were built")
    return found[0]


def tar_members(top: str) -> Callable[[Path], Mapping[str, bytes]]:
    """The files of a tar archive, without its top folder, whose name matches `top`."""

    def members(path: Path) -> Mapping[str, bytes]:
        files: Dict[str, bytes] = {}
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                folder, _, name = member.name.partition("/")
                if member.isdir():
                    continue
                content = archive.extractfile(member)
                if content is None or not re.fullmatch(top, folder):
                    raise PackageFailed(f"{path.name} has a strange member: {member.name}")
                files[name] = content.read()
        return files

    return members


def zip_members(name_of: Callable[[str], str]) -> Callable[[Path], Mapping[str, bytes]]:
    """The files of a zip archive, each with the name that it has in the peer's folder."""

    def members(path: Path) -> Mapping[str, bytes]:
        with zipfile.ZipFile(path) as archive:
            return {name_of(name): archive.read(name) for name in archive.namelist() if not name.endswith("/")}

    return members


# Python


def python_build(work: Work, kind: str) -> Path:
    """Builds the sdist, and the wheel from the sdist; both at once, for the first of the two rows."""
    kept = OUTPUT / "python"
    if not kept.exists():
        tool = work.clean / "tool"
        work.run(sys.executable, "-m", "venv", tool, cwd=work.clean)
        work.run(tool / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "build", "setuptools>=77", cwd=work.clean)
        work.run(tool / "bin/python", "-m", "build", "--no-isolation", "--outdir", kept, work.stage, cwd=work.clean)
    return one(kept, kind)


def python_install(work: Work, package: Path) -> Sequence[str]:
    """Installs into a new environment, and checks a program with mypy against what was installed."""
    venv = work.clean / "venv"
    work.run(sys.executable, "-m", "venv", venv, cwd=work.clean)
    pip = (venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check")
    work.run(*pip, package, cwd=work.clean)
    example = work.write("example.py", "HOST: str", "PORT: int", f"HOST, PORT = {work.hub[0]!r}, {work.hub[1]}", work.example("python"))
    if package.suffix == ".whl":
        work.run(*pip, "mypy", cwd=work.clean)
        work.run(venv / "bin/mypy", "--strict", example, cwd=work.clean)
    return (str(venv / "bin/python"), str(example))


def python_wheel_name(name: str) -> str:
    """A wheel has the licences among its metadata, and its modules without `src`."""
    licence = re.fullmatch(r"bookend-[^/]*\.dist-info/licenses/(LICENSE-\w+)", name)
    return licence[1] if licence else f"src/{name}"


# JavaScript


def javascript_pack(work: Work) -> Path:
    work.run("npm", "pack", "--silent", "--pack-destination", work.clean, cwd=work.stage)
    return one(work.clean, "*.tgz")


def javascript_install(work: Work, package: Path) -> Sequence[str]:
    """Installs the package beside TypeScript, and compiles a program against its declarations."""
    types = (work.stage / "types/package.json").read_text(encoding="utf-8")
    work.write("package.json", types.replace("file:..", f"file:{package.name}"))
    for name in ("tsconfig.json", "use.ts"):
        shutil.copy2(work.stage / "types" / name, work.clean)
    work.run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent", cwd=work.clean)
    work.run("npm", "test", "--silent", cwd=work.clean)
    example = work.write("example.js", f"const [HOST, PORT] = [{work.hub[0]!r}, {work.hub[1]}];", work.example("js"))
    return ("node", str(example))


# Go


def go_version(work: Work) -> str:
    """The version, which only a tag of a repository would state: the chat client has it."""
    found = re.search(r'"bookend-go (\d+\.\d+\.\d+)"', (work.stage / "cmd/chat/options.go").read_text(encoding="utf-8"))
    if found is None:
        raise PackageFailed("cmd/chat/options.go does not state the version")
    return f"v{found[1]}"


def go_pack(work: Work) -> Path:
    """Writes the module as a module proxy serves it, keeps that folder, and returns its zip file."""
    version = go_version(work)
    folder = work.clean / "proxy" / GO_MODULE / "@v"
    folder.mkdir(parents=True)
    (folder / "list").write_text(f"{version}\n")
    (folder / f"{version}.info").write_text(f'{{"Version":"{version}","Time":"2026-01-01T00:00:00Z"}}\n')
    shutil.copy2(work.stage / "go.mod", folder / f"{version}.mod")
    path = folder / f"{version}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(work.stage.rglob("*")):
            if file.is_file():
                archive.write(file, f"{GO_MODULE}@{version}/{file.relative_to(work.stage).as_posix()}")
    shutil.copytree(work.clean / "proxy", OUTPUT / "go-proxy", dirs_exist_ok=True)
    return path


def go_install(work: Work, package: Path) -> Sequence[str]:
    """`go get` from that proxy and no other."""
    proxy = package.parents[len(Path(GO_MODULE).parts) + 1]
    caches = {"GOMODCACHE": work.clean / "modules", "GOCACHE": work.clean / "cache", "GOPATH": work.clean / "gopath"}
    settings = {"GOPROXY": proxy.as_uri(), "GOSUMDB": "off", "GOFLAGS": "-modcacherw -mod=mod", "GOTOOLCHAIN": "local"}
    work.environment.update(settings, **{name: str(path) for name, path in caches.items()})
    here = work.clean / "example"
    work.write(
        "example/main.go",
        "package main",
        f'import ("context"; "fmt"; "log"; "{GO_MODULE}")',
        "func main() {",
        "ctx := context.Background()",
        work.example("go").replace("127.0.0.1:3990", f"{work.hub[0]}:{work.hub[1]}"),
        "log.Fatal(err)",
        "}",
    )
    work.run("go", "mod", "init", "example", cwd=here)
    work.run("go", "get", f"{GO_MODULE}@{package.stem}", cwd=here)
    work.run("go", "vet", f"{GO_MODULE}/...", cwd=here)
    work.run("go", "build", "-o", work.clean / "example.exe", ".", cwd=here)
    return (str(work.clean / "example.exe"),)


# Java


def java_pack(work: Work) -> Path:
    """`mvn package`, with the plugins that Debian installed where it did."""
    options: Tuple[object, ...] = ("--batch-mode", "--quiet", f"-Dmaven.repo.local={work.clean / 'repository'}")
    if (MAVEN_REPOSITORY / "org/apache/maven/plugins/maven-source-plugin").is_dir():
        place = f"<id>central</id><url>{MAVEN_REPOSITORY.as_uri()}</url><releases><checksumPolicy>ignore</checksumPolicy></releases>"
        settings = work.write(
            "settings.xml",
            "<settings><profiles><profile><id>installed</id>",
            f"<repositories><repository>{place}</repository></repositories>",
            f"<pluginRepositories><pluginRepository>{place}</pluginRepository></pluginRepositories>",
            "</profile></profiles><activeProfiles><activeProfile>installed</activeProfile></activeProfiles></settings>",
        )
        options += ("--settings", settings)
    work.run("mvn", *options, "package", cwd=work.stage)
    one(work.stage / "target", "*-sources.jar")
    return one(work.stage / "target", "bookend-*[0-9].jar")


def java_member_name(name: str) -> str:
    return name[len("META-INF/") :] if name.removeprefix("META-INF/") in LICENCES else name


def java_install(work: Work, package: Path) -> Sequence[str]:
    jar = work.clean / package.name
    shutil.copy2(package, jar)
    work.write(
        "Example.java",
        "import java.net.Socket;",
        "import org.bookend.*;",
        "class Example { public static void main(String[] words) throws Exception {",
        f'String host = "{work.hub[0]}"; int port = {work.hub[1]};',
        work.example("java"),
        "} }",
    )
    work.run("javac", "-encoding", "UTF-8", "-cp", jar, "-d", ".", "Example.java", cwd=work.clean)
    return ("java", "-Dfile.encoding=UTF-8", "-cp", f"{jar}:.", "Example")


# C


def c_pack(work: Work) -> Path:
    """The sources, and the single header beside them."""
    release = re.search(r"VERSION (\d+\.\d+\.\d+)", (work.stage / "CMakeLists.txt").read_text(encoding="utf-8"))
    name = f"bookend-c-{release[1] if release else 'unknown'}"
    with tarfile.open(work.clean / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(work.stage, name)
    (OUTPUT / "bookend_all.h").write_text(work.run("sh", "bookend_single.sh", cwd=work.stage), encoding="utf-8")
    return one(work.clean, "*.tar.gz")


def c_install(work: Work, package: Path) -> Sequence[str]:
    """Installs with CMake, and finds the library with pkg-config."""
    prefix = work.clean / "installed"
    with tarfile.open(package) as archive:
        archive.extractall(work.clean)
    sources = one(work.clean, "bookend-c-*[0-9]")
    work.run("cmake", "-S", sources, "-B", "build", f"-DCMAKE_INSTALL_PREFIX={prefix}", cwd=work.clean)
    work.run("cmake", "--build", "build", "--target", "install", cwd=work.clean)
    shutil.copy2(sources / "example.c", work.clean)
    shutil.rmtree(sources)
    work.environment["PKG_CONFIG_PATH"] = str(next(prefix.rglob("bookend.pc")).parent)
    flags = work.run("pkg-config", "--cflags", "--libs", "bookend", cwd=work.clean).split()
    work.run("cc", "-std=c99", "-o", "example", "example.c", *flags, cwd=work.clean)
    return (str(work.clean / "example"),)


# C#


def csharp_pack(work: Work) -> Path:
    """A NuGet package by its rules: a zip file with a manifest, made from the properties in `Bookend.csproj`."""
    project = ElementTree.parse(work.stage / "Bookend.csproj").getroot()
    value = lambda name: project.findtext(f".//{name}") or ""  # noqa: E731
    sources = [name for item in project.iter("Compile") for name in item.get("Include", "").split(";")]
    library = work.stage / "lib"
    library.mkdir()
    work.run(*MCS, "-target:library", "-doc:lib/Bookend.xml", "-nowarn:1591", "-out:lib/Bookend.dll", *sources, cwd=work.stage)
    identity = value("PackageId")
    manifest = f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>{identity}</id>
    <version>{value("Version")}</version>
    <authors>{value("Authors")}</authors>
    <description>{value("Description")}</description>
    <tags>{value("PackageTags")}</tags>
    <license type="expression">{value("PackageLicenseExpression")}</license>
    <readme>{value("PackageReadmeFile")}</readme>
    <dependencies><group targetFramework=".NETFramework4.7.2" /></dependencies>
  </metadata>
</package>
"""
    types = "".join(
        f'<Default Extension="{extension}" ContentType="{kind}" />'
        for extension, kind in (("rels", "application/vnd.openxmlformats-package.relationships+xml"), ("nuspec", "application/octet"),
                                ("dll", "application/octet"), ("xml", "application/octet"), ("md", "application/octet"))
    ) + "".join(f'<Override PartName="/{name}" ContentType="application/octet" />' for name in LICENCES)
    relation = "http://schemas.microsoft.com/packaging/2010/07/manifest"
    path = work.clean / f"{identity}.{value('Version')}.nupkg"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{types}</Types>')
        archive.writestr("_rels/.rels", f'<?xml version="1.0" encoding="utf-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Type="{relation}" Target="/{identity}.nuspec" Id="R1" /></Relationships>')
        archive.writestr(f"{identity}.nuspec", manifest)
        for name in ("README.md", *LICENCES):
            archive.write(work.stage / name, name)
        for name in ("Bookend.dll", "Bookend.xml"):
            archive.write(library / name, f"lib/net472/{name}")
    return path


def csharp_install(work: Work, package: Path) -> Sequence[str]:
    """Unpacks it as a NuGet client does, and compiles the example without a window."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(work.clean / "packages")
    shutil.copy2(work.clean / "packages/lib/net472/Bookend.dll", work.clean)
    work.write(
        "example.cs",
        "using System; using System.Net.Sockets; using Bookend;",
        "static class Example { static void Main() {",
        f'var host = "{work.hub[0]}"; var port = {work.hub[1]};',
        'var hello = new Hello { Hub = true, Name = "ann", Room = "kitchen" };',
        work.example("csharp", "StreamConnection"),
        "} }",
    )
    work.run(*MCS, "-r:Bookend.dll", "-out:example.exe", "example.cs", cwd=work.clean)
    return ("mono", "example.exe")


PACKAGES = (
    Package(
        name="python-sdist",
        folder="interop/python",
        tools=("git",),
        pack=lambda work: python_build(work, "*.tar.gz"),
        members=tar_members(r"bookend-\d+\.\d+\.\d+"),
        made=("PKG-INFO", "setup.cfg", "src/bookend.egg-info/*"),
        without=("tests/*",),
        install=python_install,
    ),
    Package(
        name="python-wheel",
        folder="interop/python",
        tools=("git",),
        pack=lambda work: python_build(work, "*.whl"),
        members=zip_members(python_wheel_name),
        made=("src/bookend-*.dist-info/*",),
        without=("src/tests/*",),
        install=python_install,
    ),
    Package(
        name="javascript",
        folder="interop/javascript",
        tools=("git", "npm", "node"),
        pack=javascript_pack,
        members=tar_members("package"),
        made=(),
        without=("test/*", "types/*", "adapter.js", "chat.js"),
        install=javascript_install,
    ),
    Package(
        name="go",
        folder="interop/go",
        tools=("git", "go"),
        pack=go_pack,
        members=zip_members(lambda name: re.sub(rf"^{GO_MODULE}@v[\d.]+/", "", name)),
        made=(),
        without=(),
        install=go_install,
    ),
    Package(
        name="java",
        folder="interop/java",
        tools=("git", "mvn", "javac", "java"),
        pack=java_pack,
        members=zip_members(java_member_name),
        made=("META-INF/MANIFEST.MF", "META-INF/maven/*", "org/bookend/*.class"),
        without=("org/bookend/Adapter*", "org/bookend/Chat[.$]*", "org/bookend/Tests*"),
        install=java_install,
    ),
    Package(
        name="c",
        folder="interop/c",
        tools=("git", "cmake", "pkg-config", "cc"),
        pack=c_pack,
        members=tar_members(r"bookend-c-\d+\.\d+\.\d+"),
        made=(),
        without=(),
        install=c_install,
        prints="hi",
    ),
    Package(
        name="csharp",
        folder="interop/csharp",
        tools=("git", "mcs", "mono"),
        pack=csharp_pack,
        members=zip_members(lambda name: name),
        made=("[[]Content_Types].xml", "_rels/.rels", "Bookend.nuspec", "lib/net472/Bookend.*"),
        without=(),
        install=csharp_install,
    ),
    Package(
        name="elixir",
        folder="interop/elixir",
        tools=("git", "mix", "elixir"),
        pack=hex_package.pack,
        members=hex_package.members,
        made=(),
        without=("programs/*", "test/*"),
        install=hex_package.install,
    ),
)
