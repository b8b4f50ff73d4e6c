// question_answering FOLDER QUESTION < CONTEXT: the best answers in words of the context.
#include <pals/question_answering.h>

#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <iterator>

namespace {

constexpr size_t kShown = 3;

void show(const pals::PredictedAnswer& answer) {
  std::cout << (answer.text.empty() ? "(no answer)" : answer.text) << '\n';
  std::cout << std::fixed << std::setprecision(4);
  for (size_t i = 0; i < answer.n_best.size() && i < kShown; ++i) {
    std::cout << answer.n_best[i].probability << '\t' << answer.n_best[i].text << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: question_answering FOLDER QUESTION < CONTEXT\n";
    return EXIT_FAILURE;
  }
  try {
    const std::string context{std::istreambuf_iterator<char>(std::cin), {}};
    const pals::QuestionAnswerer answerer{std::string(argv[1])};
    show(answerer.answer(argv[2], context));
  } catch (const std::exception& error) {
    std::cerr << "question_answering: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
