// sequence_classification FOLDER TASK TEXT [TEXT_B]: the label of a text or pair with the
// probabilities of all labels, or the value of a regression.
#include <pals/sequence_classification.h>

#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>

namespace {

void show(const pals::SequenceClassifier& classifier, const pals::TextPair& text) {
  const pals::Prediction prediction = classifier.classify({text}).front();
  std::cout << std::fixed << std::setprecision(4);
  if (prediction.label < 0) {
    std::cout << prediction.value << '\n';
    return;
  }
  const std::vector<std::string>& labels = classifier.task().labels;
  std::cout << labels[static_cast<size_t>(prediction.label)] << '\n';
  for (size_t i = 0; i < labels.size(); ++i) {
    std::cout << labels[i] << '\t' << prediction.probabilities[i] << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::cerr << "usage: sequence_classification FOLDER TASK TEXT [TEXT_B]\n";
    return EXIT_FAILURE;
  }
  try {
    show(pals::SequenceClassifier(argv[1], argv[2]), {argv[3], argc == 5 ? argv[4] : ""});
  } catch (const std::exception& error) {
    std::cerr << "sequence_classification: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
