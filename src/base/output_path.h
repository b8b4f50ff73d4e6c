// Where an output goes: past links, through what is no regular file, beside its name until it is
// whole; and what killed processes left behind.
#pragma once

#include <string>

namespace pals {

/// What a path that is to be written leads to. Links are followed, so that what is replaced is the
/// file at their end and never a link.
struct OutputPlace {
  std::string path;     ///< of a regular file, which may not exist yet
  int descriptor = -1;  ///< instead of it: a pipe, device or socket, or an open file of ours such
                        ///< as /dev/stdout; the caller closes it
};

/// Opens what is no regular file: a pipe waits for its reader. Throws Error for a folder, a chain
/// of links without end, or what cannot be opened.
OutputPlace find_output_place(const std::string& path);

/// Throws Error if what is written to `path` cannot be gone back to: a pipe, or an open file of
/// ours.
void require_seekable_output(const std::string& path);

/// Throws Error if a file cannot be written there, as far as that shows without opening it: for
/// what is written after long work.
void require_writable_output(const std::string& path);

/// Whether a path ends in .onnx, in letters of any case.
bool has_onnx_ending(const std::string& path);

/// Throws UsageError if a folder that is to be made, or one that is a temporary of it, has the name
/// of a file: one that ends in .onnx. make_directories() asks it.
void refuse_file_name(const std::string& path);

/// A name beside `path` that no other process and no other call makes: path.tmp.PID.N, of a path
/// that ends in slashes without these.
std::string temporary_name(const std::string& path);

/// Whether a file's name ends as temporary_name() makes it.
bool is_temporary_name(const std::string& name);

/// Removes files and folders of such names in a folder whose process is gone (or was this one's
/// predecessor with the same number). Call it where nothing of this process is being written yet.
/// Quietly leaves what it may not remove.
void remove_dead_temporaries(const std::string& folder);

/// Whether both paths lead to the same existing file or folder.
bool same_file(const std::string& one, const std::string& other);

/// Whether a path is that of the folder or of something in it, whether or not it is there yet.
bool lies_in(const std::string& path, const std::string& folder);

/// Throws UsageError if `output`, which `flag` names, is the file or folder that is
/// read ("" and "-" are standard input).
void refuse_to_overwrite(const std::string& input, const std::string& output, const char* flag);

/// The same for folders; an output within the one that is read is refused, too.
void refuse_output_in(const std::string& input, const std::string& output, const char* flag);

}  // namespace pals
