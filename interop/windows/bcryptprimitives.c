/* Windows has ProcessPrng, from which Rust's standard library takes random numbers, in bcryptprimitives.dll. Wine 8 has no
   such library: this one stands beside the programs where they are tried under Wine, and is no part of them. */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE octets, SIZE_T length)
{
    return RtlGenRandom(octets, (ULONG)length);
}
