// Names of models on a hub: hf://owner/name@revision.
#pragma once

#include <string>
#include <string_view>

namespace pals {

/// What such a name says.
struct ModelName {
  std::string owner;  ///< empty: one of the few models without
  std::string name;
  std::string revision = "main";  ///< a branch, a tag or a commit

  std::string repository() const;  ///< "owner/name"
  std::string text() const;        ///< "hf://owner/name@revision"
  std::string folder() const;      ///< in the cache: "models--owner--name"
};

/// Whether a text is meant as a name and not as a path.
bool is_model_name(std::string_view text);

/// UsageError for what can be no name on a hub, and nothing that could lead out of a folder or add
/// to a URL passes.
ModelName parse_model_name(const std::string& text);

/// Whether a revision is a whole commit hash, whose content never changes.
bool is_commit(std::string_view revision);

/// Whether the text is so many lower-case hexadecimal digits.
bool is_hex(std::string_view text, size_t digits);

/// Whether a file's name from elsewhere stays below the folder that it is put in: parts with /
/// between, of bounded number and length, none of them empty, "." or "..", no control characters.
bool is_plain_file_name(std::string_view name);

/// As a part of a URL's path: all but letters, digits and -._~ as %XX; '/' stays where
/// `keep_slash`.
std::string url_part(std::string_view text, bool keep_slash);

}  // namespace pals
