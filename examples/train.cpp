// train FOLDER NAME=VALUE...: a run of `pals train` with these options into FOLDER, which shows the
// loss now and then and the scores. Ctrl-C stops it after a step; called again it goes on.
#include <pals/train.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <thread>

namespace {

constexpr int64_t kShown = 10;  // steps from one line to the next

void show(const pals::Progress& progress) {
  if (progress.step % kShown != 0 && progress.step != progress.total_steps) return;
  std::cout << "step " << progress.step << " of " << progress.total_steps << ": " << progress.task
            << ", loss " << progress.loss << std::endl;
}

void show(const char* what, const pals::Scores& scores) {
  std::cout << what << " step " << scores.step << ": average " << scores.average << std::endl;
}

// Ctrl-C is taken by a thread of its own. To be called before other threads are there.
std::stop_token stop_at_interrupt() {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  std::stop_source stop;
  std::thread([stop, interrupt]() mutable {
    int signal = 0;
    sigwait(&interrupt, &signal);
    stop.request_stop();
  }).detach();
  return stop.get_token();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: train FOLDER NAME=VALUE...\n";
    return EXIT_FAILURE;
  }
  try {
    pals::TrainOptions options = {{"output_dir", argv[1]}};
    for (int i = 2; i < argc; ++i) {
      const std::string option = argv[i];
      const size_t equals = option.find('=');
      options[option.substr(0, equals)] =
          equals == std::string::npos ? "true" : option.substr(equals + 1);
    }
    pals::TrainCallbacks callbacks;
    callbacks.log = [](const std::string& line) { std::cout << line << std::endl; };
    callbacks.step = [](const pals::Progress& progress) { show(progress); };
    callbacks.evaluated = [](const pals::Scores& scores) { show("after", scores); };
    callbacks.stop = stop_at_interrupt();
    std::cout << std::fixed << std::setprecision(4);
    if (const auto best = pals::train(options, callbacks)) show("best after", *best);
  } catch (const std::exception& error) {
    std::cerr << "train: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
