// libcurl, loaded when it is first asked for: the program is linked with none. It is the system's
// own, so that its TLS and its certificates are those that the system keeps up to date, and a
// package of ours brings none of the thirty libraries that it stands on.
#pragma once

#include <string>

namespace pals {

/// The functions of libcurl that are used, of its ABI 4, in which names and numbers of options do
/// not change. Handles and lists are opaque.
struct CurlCalls {
  int (*global_init)(long flags) = nullptr;
  void* (*easy_init)() = nullptr;
  int (*easy_setopt)(void* handle, int option, ...) = nullptr;
  int (*easy_getinfo)(void* handle, int info, ...) = nullptr;
  int (*easy_perform)(void* handle) = nullptr;
  void (*easy_reset)(void* handle) = nullptr;
  void (*easy_cleanup)(void* handle) = nullptr;
  const char* (*easy_strerror)(int code) = nullptr;
  void* (*slist_append)(void* list, const char* text) = nullptr;
  void (*slist_free_all)(void* list) = nullptr;
};

// Numbers of libcurl's headers, under their names there (http_client_test.cpp compares them where
// there are headers).
inline constexpr int kCurlWriteData = 10001, kCurlUrl = 10002, kCurlProxy = 10004,
                     kCurlRange = 10007, kCurlErrorBuffer = 10010, kCurlTimeout = 13,
                     kCurlUserAgent = 10018, kCurlLowSpeedLimit = 19, kCurlLowSpeedTime = 20,
                     kCurlHttpHeader = 10023, kCurlHeaderData = 10029, kCurlNoProgress = 43,
                     kCurlNoBody = 44, kCurlFollowLocation = 52, kCurlXferInfoData = 10057,
                     kCurlConnectTimeout = 78, kCurlNoSignal = 99, kCurlProtocols = 181,
                     kCurlWriteFunction = 20011, kCurlHeaderFunction = 20079,
                     kCurlXferInfoFunction = 20219;
inline constexpr int kCurlInfoRedirectUrl = 0x10001f;
inline constexpr long kCurlGlobalAll = 3, kCurlHttpAndHttps = 3;
inline constexpr int kCurlErrorSize = 256;
inline constexpr int kCurlOk = 0, kCurlUnsupportedProtocol = 1, kCurlMalformedUrl = 3;

/// Loads a library by its file name, as dlopen finds it. No functions if there is none, or another
/// one.
CurlCalls load_curl(const std::string& file);

/// libcurl.so.4, or its variants; loaded once a process. Throws Error that says what to install.
const CurlCalls& curl();

}  // namespace pals
