#include "hub/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace pals {
namespace {

class Settings : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME",
          "HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT"}) {
      unsetenv(name);
    }
    setenv("HOME", "/home/me", 1);
  }
};

TEST_F(Settings, Places) {
  EXPECT_EQ(hub_settings().cache, "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(hub_settings().endpoint, "https://huggingface.co");
  setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(hub_settings().cache, "/caches/huggingface/hub");
  setenv("HF_HOME", "~/hf", 1);
  EXPECT_EQ(hub_settings().cache, "/home/me/hf/hub");
  setenv("HF_HUB_CACHE", "/models", 1);
  EXPECT_EQ(hub_settings().cache, "/models");
  setenv("HF_ENDPOINT", "http://localhost:8000/", 1);
  EXPECT_EQ(hub_settings().endpoint, "http://localhost:8000");
}

TEST_F(Settings, Switches) {
  EXPECT_FALSE(hub_settings().offline);
  EXPECT_EQ(hub_settings().stall_seconds, 30);
  setenv("HF_HUB_OFFLINE", "True", 1);
  setenv("HF_HUB_DOWNLOAD_TIMEOUT", "2", 1);
  setenv("HF_TOKEN", "hf_abc\n", 1);
  EXPECT_TRUE(hub_settings().offline);
  EXPECT_EQ(hub_settings().stall_seconds, 2);
  EXPECT_EQ(hub_settings().token, "hf_abc");
}

TEST_F(Settings, WhatCannotBeMeantIsRefused) {
  const auto refuses = [](const char* name, const char* value) {
    setenv(name, value, 1);
    EXPECT_THROW(hub_settings(), UsageError) << name << "=" << value;
    unsetenv(name);
  };
  for (const char* url : {"huggingface.co", "file:///etc", "https://a b", "https://me@host",
                          "https://host?x", "http://host\r\nX: y"}) {
    refuses("HF_ENDPOINT", url);
  }
  refuses("HF_TOKEN", "a\r\nX-Other: b");
  refuses("HF_HUB_DOWNLOAD_TIMEOUT", "0");
  refuses("HF_HUB_DOWNLOAD_TIMEOUT", "soon");
  unsetenv("HOME");
  EXPECT_THROW(hub_settings(), UsageError);
}

}  // namespace
}  // namespace pals
