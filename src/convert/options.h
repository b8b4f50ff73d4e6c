// Everything a conversion can be told, and what it did. Field names are the flags'.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pals {

struct ConvertOptions {
  std::string from;  ///< a model folder, a file, or the prefix of a TensorFlow checkpoint
  std::string to;    ///< a model folder or a file
  std::string bert_config_file;  ///< empty: what lies beside `from`
  std::string vocab_file;        ///< the same
  std::optional<bool> do_lower_case;
  std::string tasks, task_file;          ///< the tasks of a file's heads, for a model folder
  std::string kind;                      ///< or span or multiple_choice: of the only head
  bool version_2_with_negative = false;  ///< questions of kind span may have no answer
  std::string to_format;  ///< folder, pytorch or safetensors; empty: by the ending of `to`
  std::string names = "reference";
  int max_seq_length = 0;  ///< of a model folder; 0: as before, or the default
  bool encoder_only = false;
  bool drop_unexpected = false;
  bool overwrite = false;
};

/// What a conversion did.
struct ConvertReport {
  std::string from_format, to_format;
  std::string adapter;
  size_t tensors = 0;  ///< distinct ones
  int64_t parameters = 0;
  int tasks = 0;
  std::vector<std::string> left_out;  ///< tensors of `from` that were not taken over
  std::vector<std::string> missing;   ///< parameters that it did not have (a pooler)
  std::vector<std::string> written;   ///< paths
};

}  // namespace pals
