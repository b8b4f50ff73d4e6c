// encoder FOLDER TEXT...: shapes of what a BERT encoder gives, and how alike the texts are.
#include <pals/encoder.h>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

void show(const pals::Encoder& encoder, const std::vector<pals::TextPair>& texts) {
  const pals::EncodedTexts encoded = encoder.encode(texts);
  std::cout << encoded.num_layers() << " layers of " << encoded.layer(-1).sizes() << '\n';
  for (int64_t text = 0; text < encoded.num_texts(); ++text) {
    std::cout << "text " << text << ": last layer " << encoded.layer(-1, text).sizes()
              << ", tokens";
    for (const int32_t id : encoded.token_ids(text)) {
      std::cout << ' ' << encoder.tokenizer().vocabulary().token(id);
    }
    std::cout << '\n';
  }
  if (encoder.has_pooler()) std::cout << "pooled " << encoded.pooled().sizes() << '\n';

  // Cosines of the texts' mean vectors.
  const at::Tensor vectors = encoded.vectors(pals::Pooling::kMean, true);  // [texts, hidden size]
  const at::Tensor cosines = vectors.matmul(vectors.t()).contiguous();
  const float* cosine = cosines.const_data_ptr<float>();
  for (int64_t a = 0; a < cosines.size(0); ++a) {
    for (int64_t b = 0; b < cosines.size(1); ++b) std::cout << (b > 0 ? " " : "") << *cosine++;
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: encoder FOLDER TEXT...\n";
    return EXIT_FAILURE;
  }
  try {
    const pals::Encoder encoder{std::string(argv[1])};
    std::vector<pals::TextPair> texts;
    for (int i = 2; i < argc; ++i) texts.push_back({argv[i], ""});
    show(encoder, texts);
  } catch (const std::exception& error) {
    std::cerr << "encoder: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
