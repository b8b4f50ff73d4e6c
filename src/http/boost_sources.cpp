// What Boost.Asio and Boost.Beast have to compile.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
