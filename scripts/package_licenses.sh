# shellcheck shell=bash
# Sourced by package.sh: the licences of what is inside a package.

# Compiled into the program: Debian's packages of headers.
compiled_in='nlohmann-json3-dev libcli11-dev libboost1.81-dev'

# add_license FOLDER NAME FILE...: keeps these files as FOLDER/NAME.
add_license() {
  local folder=$1 name=$2 file
  shift 2
  for file in "$@"; do
    [ -s "$file" ] || die "there is no licence $file"
    cat "$file" >>"$folder/$name"
  done
}

# Debian's package that a library came from.
package_of() {
  dpkg-query --search "*/${1##*/}" 2>/dev/null | sed -n 's/^\([^:,]*\)[:,].*/\1/p' | head -n 1
}

# license_of LIBRARY FOLDER: a line on it, with its licence put into FOLDER.
license_of() {
  local library=$1 folder=$2 name=${1##*/} package info
  case $name in
    libpals_*) return ;;
    libtorch* | libc10*)
      [ -e "$folder/torch" ] || add_license "$folder" torch "$libtorch"/torch-*.dist-info/licenses/{LICENSE,NOTICE}
      echo "lib/pals/$name: LibTorch $torch_version, BSD-3-Clause and others: licenses/torch"
      ;;
    libcudart* | libcupti*)
      [ "${name#libcupti}" = "$name" ] && info=nvidia_cuda_runtime || info=nvidia_cuda_cupti
      [ -e "$folder/$info" ] || add_license "$folder" "$info" "$libtorch/$info"-*.dist-info/licenses/License.txt
      echo "lib/pals/$name: NVIDIA's, which LibTorch is linked with; redistributable: licenses/$info"
      ;;
    libgomp*)
      [ -e "$folder/gcc" ] || add_license "$folder" gcc /usr/share/doc/libgomp1/copyright
      echo "lib/pals/$name: GCC's, as LibTorch brings it, GPL-3 with the GCC Runtime Library Exception: licenses/gcc"
      ;;
    *)
      package=$(package_of "$library")
      [ -n "$package" ] || die "no Debian package has $name, whose licence is wanted"
      [ -e "$folder/$package" ] || add_license "$folder" "$package" "/usr/share/doc/$package/copyright"
      echo "lib/pals/$name: of Debian's package $package: licenses/$package"
      ;;
  esac
}

# collect_licenses PREFIX: share/doc/pals/copyright, which lists what is inside, and share/doc/pals/licenses/.
collect_licenses() {
  local doc=$1/share/doc/pals library package
  mkdir -p "$doc/licenses"
  {
    echo "PALs: Apache License 2.0, in LICENSE beside this file. What is in the package besides, and its licences:"
    echo
    for library in "$1"/lib/pals/*; do license_of "$library" "$doc/licenses"; done
    for package in $compiled_in; do
      add_license "$doc/licenses" "$package" "/usr/share/doc/$package/copyright"
      echo "bin/pals: compiled with headers of Debian's package $package: licenses/$package"
    done
  } >"$doc/copyright"
}
