// multi_task FOLDER: each line of standard input, a text or a pair with a tab between, for all
// classification and regression tasks of the model, in batches that mix the tasks.
#include <pals/multi_task.h>

#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>

namespace {

// The names of the tasks that predict() can do.
std::string task_names(const pals::MultiTaskPredictor& predictor,
                       std::vector<const pals::Task*>& tasks) {
  std::string names;
  for (const pals::Task& task : predictor.tasks()) {
    if (task.kind != pals::TaskKind::kClassification && task.kind != pals::TaskKind::kRegression) {
      continue;
    }
    tasks.push_back(&task);
    names += (names.empty() ? "" : ",") + task.name;
  }
  return names;
}

void show(const pals::MultiTaskPredictor& predictor, const std::vector<std::string>& lines) {
  std::vector<pals::TextPair> texts;
  for (const std::string& line : lines) {
    texts.push_back(pals::split_line(line, pals::LineRule::kTab));
  }
  std::vector<const pals::Task*> tasks;
  const std::string names = task_names(predictor, tasks);
  std::cout << std::fixed << std::setprecision(4);
  for (const std::vector<pals::Prediction>& predictions : predictor.predict(texts, names)) {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const pals::Prediction& prediction = predictions[i];
      std::cout << (i > 0 ? "\t" : "") << tasks[i]->name << '=';
      if (prediction.label < 0) {
        std::cout << prediction.value;
      } else {
        std::cout << tasks[i]->labels[static_cast<size_t>(prediction.label)];
      }
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: multi_task FOLDER < LINES\n";
    return EXIT_FAILURE;
  }
  try {
    std::vector<std::string> lines;
    for (std::string line; std::getline(std::cin, line);) lines.push_back(line);
    show(pals::MultiTaskPredictor(argv[1]), lines);
  } catch (const std::exception& error) {
    std::cerr << "multi_task: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
