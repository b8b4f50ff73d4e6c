// multiple_choice FOLDER CONTEXT CHOICE...: which choice goes on from the context.
#include <pals/multiple_choice.h>

#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>

namespace {

void show(const pals::MultipleChoice& model, const pals::Example& question) {
  const pals::Prediction prediction = model.choose(question);
  std::cout << question.choices[static_cast<size_t>(prediction.label)] << '\n';
  std::cout << std::fixed << std::setprecision(4);
  for (size_t i = 0; i < question.choices.size(); ++i) {
    std::cout << prediction.probabilities[i] << '\t' << question.choices[i] << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: multiple_choice FOLDER CONTEXT CHOICE...\n";
    return EXIT_FAILURE;
  }
  try {
    pals::Example question;
    question.text_a = argv[2];
    question.choices.assign(argv + 3, argv + argc);
    show(pals::MultipleChoice(std::string(argv[1])), question);
  } catch (const std::exception& error) {
    std::cerr << "multiple_choice: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
