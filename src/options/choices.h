// What options choose among by name: enumerations, each with its table (base/names.h).
#pragma once

#include <span>

#include "base/names.h"

namespace pals {

/// Which task a training step takes. Round robin; or at random with p proportional to n^alpha, n a
/// task's number of training rows: alpha 1, 0.5, or annealed from 1 in the first epoch to 0.2 in
/// the last; or, kTemperature, an alpha and a largest n that are given; or, kAuto, these odds times
/// what each evaluation says of the tasks' progress.
enum class Sampling { kRoundRobin, kProportional, kSquareRoot, kAnneal, kTemperature, kAuto };
inline constexpr Name<Sampling> kSamplings[] = {
    {Sampling::kRoundRobin, "rr"},           {Sampling::kProportional, "prop"},
    {Sampling::kSquareRoot, "sqrt"},         {Sampling::kAnneal, "anneal"},
    {Sampling::kTemperature, "temperature"}, {Sampling::kAuto, "auto"}};
constexpr std::span<const Name<Sampling>> names_of(Sampling) { return kSamplings; }

/// How the learning rate goes on after warm-up.
enum class Schedule { kWarmupLinear, kWarmupCosine, kWarmupConstant };
inline constexpr Name<Schedule> kSchedules[] = {{Schedule::kWarmupLinear, "warmup_linear"},
                                                {Schedule::kWarmupCosine, "warmup_cosine"},
                                                {Schedule::kWarmupConstant, "warmup_constant"}};
constexpr std::span<const Name<Schedule>> names_of(Schedule) { return kSchedules; }

/// kSplit: query, key and value of PALs learn at a rate of their own.
enum class LearningRates { kNormal, kSplit };
inline constexpr Name<LearningRates> kLearningRates[] = {{LearningRates::kNormal, "normal"},
                                                         {LearningRates::kSplit, "split"}};
constexpr std::span<const Name<LearningRates>> names_of(LearningRates) { return kLearningRates; }

/// By what the losses of classes count where the task file does not say. kBalanced: the rarer, the
/// more.
enum class ClassWeights { kNone, kBalanced };
inline constexpr Name<ClassWeights> kClassWeights[] = {{ClassWeights::kNone, "none"},
                                                       {ClassWeights::kBalanced, "balanced"}};
constexpr std::span<const Name<ClassWeights>> names_of(ClassWeights) { return kClassWeights; }

/// In what numbers gradients travel between processes.
enum class GradientType { kFloat, kBFloat16 };
inline constexpr Name<GradientType> kGradientTypes[] = {{GradientType::kFloat, "fp32"},
                                                        {GradientType::kBFloat16, "bf16"}};
constexpr std::span<const Name<GradientType>> names_of(GradientType) { return kGradientTypes; }

/// In what numbers a model is asked to compute. kAuto: the faster of bf16 and fp32 there.
enum class PrecisionChoice { kAuto, kFloat, kBFloat16, kHalf, kTf32, kInt8 };
inline constexpr Name<PrecisionChoice> kPrecisions[] = {
    {PrecisionChoice::kFloat, "fp32"}, {PrecisionChoice::kBFloat16, "bf16"},
    {PrecisionChoice::kHalf, "fp16"},  {PrecisionChoice::kTf32, "tf32"},
    {PrecisionChoice::kInt8, "int8"},  {PrecisionChoice::kAuto, "auto"}};
constexpr std::span<const Name<PrecisionChoice>> names_of(PrecisionChoice) { return kPrecisions; }

/// One vector for each row. kCls: the first token's last hidden state. kMean, kMax: over all
/// tokens, [CLS] and [SEP] included. kPooled: the pooler's output, tanh(dense(first token)).
enum class Pooling { kCls, kMean, kMax, kPooled };
inline constexpr Name<Pooling> kPoolings[] = {{Pooling::kCls, "cls"},
                                              {Pooling::kMean, "mean"},
                                              {Pooling::kMax, "max"},
                                              {Pooling::kPooled, "pooled"}};
constexpr std::span<const Name<Pooling>> names_of(Pooling) { return kPoolings; }

/// How answers are written: columns, or an object a line.
enum class AnswerFormat { kTsv, kCsv, kJsonl };
inline constexpr Name<AnswerFormat> kAnswerFormats[] = {
    {AnswerFormat::kTsv, "tsv"}, {AnswerFormat::kCsv, "csv"}, {AnswerFormat::kJsonl, "jsonl"}};
constexpr std::span<const Name<AnswerFormat>> names_of(AnswerFormat) { return kAnswerFormats; }

/// What becomes of a row of the input that cannot be read: an error in its place, nothing, or the
/// end of the run.
enum class OnError { kEmit, kSkip, kStop };
inline constexpr Name<OnError> kOnErrors[] = {
    {OnError::kEmit, "emit"}, {OnError::kSkip, "skip"}, {OnError::kStop, "stop"}};
constexpr std::span<const Name<OnError>> names_of(OnError) { return kOnErrors; }

/// Files of vectors.
enum class VectorFormat { kJsonl, kNpy, kSafetensors };
inline constexpr Name<VectorFormat> kVectorFormats[] = {
    {VectorFormat::kJsonl, "jsonl"},
    {VectorFormat::kNpy, "npy"},
    {VectorFormat::kSafetensors, "safetensors"}};
constexpr std::span<const Name<VectorFormat>> names_of(VectorFormat) { return kVectorFormats; }

}  // namespace pals
