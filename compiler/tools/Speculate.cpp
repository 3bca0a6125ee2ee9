// sennit run --speculate: the model verifies several tokens at once that its
// own text suggests.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Verbs.h"
#include "llvm/Support/Format.h"
#include <chrono>

namespace sennit::tools {

/// What followed the last place in `text` where its last two tokens stood
/// before, at most `most` tokens (prompt lookup; Saxena 2023).
static llvm::ArrayRef<int32_t> guess(llvm::ArrayRef<int32_t> text,
                                     size_t most) {
  constexpr size_t kKnown = 2;
  if (text.size() <= kKnown || most == 0)
    return {};
  auto last = text.take_back(kKnown);
  for (size_t at = text.size() - kKnown; at-- > 0;)
    if (text.slice(at, kKnown) == last)
      return text.drop_front(at + kKnown).take_front(most);
  return {};
}

static int32_t findLikeliest(const float *row, int64_t width) {
  return std::max_element(row, row + width) - row;
}

int speculate(Session &session, const GenerateOptions &options,
              int64_t offered) {
  int64_t width = session.info.vocabulary;
  sennit_context *context = session.context.get();
  sennit_error error;
  std::vector<float> logits(width * offered);
  std::vector<int32_t> text = options.prompt;
  using Clock = std::chrono::steady_clock;
  if (sennit_context_prefill(context, text.data(), text.size(), logits.data(),
                             &error))
    return complain(error.message, failed);
  if (session.info.byte_level)
    for (int32_t token : text)
      printToken(session, token);
  text.push_back(findLikeliest(logits.data(), width));
  int64_t made = 0, calls = 0;
  auto start = Clock::now();
  auto room = [&] {
    return std::min<int64_t>(options.maxTokens - made,
                             session.info.context_length -
                                 sennit_context_position(context));
  };
  while (room() > 0 && !endsText(session, text.back())) {
    std::vector<int32_t> offer = {text.back()};
    llvm::append_range(offer, guess(text, std::min(offered, room()) - 1));
    if (sennit_context_verify(context, offer.data(), offer.size(),
                              logits.data(), &error))
      return complain(error.message, failed);
    ++calls;
    size_t kept = 0;
    while (kept != offer.size() && text.back() == offer[kept] &&
           !endsText(session, offer[kept])) {
      printToken(session, offer[kept]);
      text.push_back(findLikeliest(&logits[kept++ * width], width));
    }
    made += kept;
    if (sennit_context_accept(context, kept, &error))
      return complain(error.message, failed);
  }
  std::chrono::duration<double> seconds = Clock::now() - start;
  llvm::outs() << "\n";
  llvm::outs().flush();
  llvm::errs() << llvm::format(
      "generated %lld, %.0f tokens/s; %.2f tokens a call; %llu threads\n",
      (long long)made, made / std::max(seconds.count(), 1e-9),
      double(made) / std::max<int64_t>(calls, 1),
      (unsigned long long)session.info.threads);
  return done;
}

} // namespace sennit::tools
