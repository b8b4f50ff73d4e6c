#include "hub/http_client.h"

#include <gtest/gtest.h>

#include "hub/curl.h"
#if __has_include(<curl/curl.h>)
#include <curl/curl.h>
#endif

namespace pals {
namespace {

TEST(HttpClient, Origins) {
  EXPECT_TRUE(same_origin("https://a.b/x", "https://A.B/y?z"));
  EXPECT_TRUE(same_origin("http://a:1", "http://a:1/x"));
  EXPECT_FALSE(same_origin("http://a:1", "http://a:2"));
  EXPECT_FALSE(same_origin("http://a", "https://a"));
  EXPECT_FALSE(same_origin("https://a", "https://a@b/"));
  EXPECT_FALSE(same_origin("https://a", "https://a.b/"));
  EXPECT_FALSE(same_origin("", ""));
}

TEST(HttpClient, NothingIsLoadedWhereThereIsNothing) {
  EXPECT_EQ(load_curl("/nowhere/libcurl.so.4").easy_init, nullptr);
  EXPECT_EQ(load_curl("libm.so.6").easy_init, nullptr);
}

#if __has_include(<curl/curl.h>)
TEST(Curl, NumbersAreThoseOfItsHeaders) {
  EXPECT_EQ(kCurlWriteData, CURLOPT_WRITEDATA);
  EXPECT_EQ(kCurlUrl, CURLOPT_URL);
  EXPECT_EQ(kCurlProxy, CURLOPT_PROXY);
  EXPECT_EQ(kCurlRange, CURLOPT_RANGE);
  EXPECT_EQ(kCurlErrorBuffer, CURLOPT_ERRORBUFFER);
  EXPECT_EQ(kCurlTimeout, CURLOPT_TIMEOUT);
  EXPECT_EQ(kCurlUserAgent, CURLOPT_USERAGENT);
  EXPECT_EQ(kCurlLowSpeedLimit, CURLOPT_LOW_SPEED_LIMIT);
  EXPECT_EQ(kCurlLowSpeedTime, CURLOPT_LOW_SPEED_TIME);
  EXPECT_EQ(kCurlHttpHeader, CURLOPT_HTTPHEADER);
  EXPECT_EQ(kCurlHeaderData, CURLOPT_HEADERDATA);
  EXPECT_EQ(kCurlNoProgress, CURLOPT_NOPROGRESS);
  EXPECT_EQ(kCurlNoBody, CURLOPT_NOBODY);
  EXPECT_EQ(kCurlFollowLocation, CURLOPT_FOLLOWLOCATION);
  EXPECT_EQ(kCurlXferInfoData, CURLOPT_XFERINFODATA);
  EXPECT_EQ(kCurlConnectTimeout, CURLOPT_CONNECTTIMEOUT);
  EXPECT_EQ(kCurlNoSignal, CURLOPT_NOSIGNAL);
  EXPECT_EQ(kCurlProtocols, 181);  // CURLOPT_PROTOCOLS, which newer headers call deprecated
  EXPECT_EQ(kCurlWriteFunction, CURLOPT_WRITEFUNCTION);
  EXPECT_EQ(kCurlHeaderFunction, CURLOPT_HEADERFUNCTION);
  EXPECT_EQ(kCurlXferInfoFunction, CURLOPT_XFERINFOFUNCTION);
  EXPECT_EQ(kCurlInfoRedirectUrl, CURLINFO_REDIRECT_URL);
  EXPECT_EQ(kCurlGlobalAll, CURL_GLOBAL_ALL);
  EXPECT_EQ(kCurlHttpAndHttps, CURLPROTO_HTTP | CURLPROTO_HTTPS);
  EXPECT_EQ(kCurlErrorSize, CURL_ERROR_SIZE);
  EXPECT_EQ(kCurlUnsupportedProtocol, CURLE_UNSUPPORTED_PROTOCOL);
  EXPECT_EQ(kCurlMalformedUrl, CURLE_URL_MALFORMAT);
}
#endif

}  // namespace
}  // namespace pals
