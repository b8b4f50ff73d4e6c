#!/usr/bin/env bash
# Makes the packages of the program for CPUs: dist/pals_VERSION_amd64.deb and dist/pals-VERSION-linux-x86_64.tar.zst.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/package_licenses.sh"
cd "$repo"

usage() {
  cat <<END
usage: scripts/package.sh [--build FOLDER] [--output FOLDER]

Builds the program without its part for GPUs in build-package/ and makes of it, on Debian 12:
  pals_VERSION_amd64.deb               for Debian 12; LibTorch is inside, the rest it depends on
  pals-VERSION-linux-x86_64.tar.zst    to be unpacked anywhere; all is inside but glibc, libstdc++ and libgcc

  --build FOLDER   take the program that was built there (with -DPALS_CUDA=OFF)
  --output FOLDER  where they go (default: dist)

The same sources, compiler and libraries give the same bytes: times are those of SOURCE_DATE_EPOCH, or else of the last
commit. PALS_PACKAGE_LEVEL is zstd's and xz's level, 1 to 9 (default 9).
END
}

build='' output=dist
while [ $# -gt 0 ]; do
  case $1 in
    --build | --output)
      [ $# -gt 1 ] || die "$1 needs a folder"
      if [ "$1" = --build ]; then build=$2; else output=$2; fi
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      die "unknown option $1"
      ;;
  esac
done

for tool in cmake dpkg-deb dpkg-query ldd strip tar zstd; do
  command -v "$tool" >/dev/null || die "there is no $tool; install cmake, dpkg, binutils, tar and zstd"
done
export LC_ALL=C
umask 022
level=${PALS_PACKAGE_LEVEL:-9}
[[ $level =~ ^[1-9]$ ]] || die "PALS_PACKAGE_LEVEL=$level: expected a number from 1 to 9"
version=$(sed -n 's/^project(pals VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CMakeLists.txt)}
export SOURCE_DATE_EPOCH=$epoch

# What comes with the system, of every distribution, and in what version the program is content with.
of_the_system='^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libutil|libgcc_s|libstdc\+\+)\.so'

build_program() {
  build='build-package'
  mkdir -p "$build"
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
  quietly "$build/configure.log" cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPALS_CUDA=OFF -DPALS_REPRODUCIBLE=ON \
    "${launcher[@]}"
  say "building $build/ with $(build_jobs) jobs"
  cmake --build "$build" --parallel "$(build_jobs)" --target program
}

# install_program DESTDIR PREFIX: the program as it lies there.
install_program() {
  quietly "$staging/install.log" env DESTDIR="$1" cmake --install "$build" --component program --strip --prefix "$2"
  [ -e "$1$2/share/man/man1/pals.1" ] || die "$build/pals does not run here"
  [ ! -e "$1$2/lib/pals/libpals_cuda.so" ] || die "$build has the part for GPUs; configure it with -DPALS_CUDA=OFF"
}

# copy_libraries ROOT: what the program needs besides LibTorch and the system, so that the folder stands by itself.
copy_libraries() {
  local name path
  while read -r name path; do
    [[ $name =~ $of_the_system || $path == "$1"/* ]] || cp -L "$path" "$1/lib/pals/$name"
  done < <(ldd "$1/bin/pals" | awk '$2 == "=>" {print $1, $3}')
  ! ldd "$1/bin/pals" | grep 'not found' >&2 || die "a library is missing"
}

# Modes and times that do not depend on whose files they were.
settle() {
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch --no-dereference --date="@$epoch" {} +
}

make_tarball() {
  local name=pals-$version root=$staging/tarball/opt/pals file=$output/pals-$version-linux-x86_64.tar.zst
  install_program "$staging/tarball" /opt/pals
  copy_libraries "$root"
  collect_licenses "$root"
  settle "$root"
  tar --create --directory "$root/.." --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
    --mtime="@$epoch" --transform="s,^pals,$name," pals |
    zstd --quiet --force "-$((level * 2 + 1))" -T0 -o "$file.part"
  mv "$file.part" "$file"
  report "$file" "$root"
}

make_deb() {
  local root=$staging/deb file=$output/pals_${version}_amd64.deb
  install_program "$root" /usr
  collect_licenses "$root/usr"
  gzip -9n "$root"/usr/share/man/man1/*.1
  mkdir "$root/DEBIAN"
  sed -e "s/@VERSION@/$version/" -e "s/@KILOBYTES@/$(du -sk --apparent-size "$root/usr" | cut -f1)/" \
    packaging/control.in >"$root/DEBIAN/control"
  cp packaging/postinst packaging/prerm packaging/postrm "$root/DEBIAN/"
  (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  settle "$root"
  dpkg-deb --root-owner-group -Zxz "-z$level" --build "$root" "$file.part" >/dev/null
  mv "$file.part" "$file"
  report "$file" "$root/usr"
}

# report FILE ROOT: sizes, of the package and of what it unpacks to.
report() {
  say "$1: $(($(stat -c %s "$1") / 1000000)) MB, unpacked $(($(du -sb "$2" | cut -f1) / 1000000)) MB"
}

[ -n "$build" ] || build_program
[ -x "$build/pals" ] || die "there is no program $build/pals"
mkdir -p "$output"
# Beside the results, so that moving them there is a matter of a name.
staging=$(mktemp -d "$(cd "$output" && pwd)/.staging.XXXXXX")
trap 'rm -rf "$staging"' EXIT
make_tarball
make_deb
