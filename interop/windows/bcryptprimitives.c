/* Rust's standard library takes random numbers from ProcessPrng in bcryptprimitives.dll. Windows has that library, Wine 8
   has not. This replacement is placed beside the programs that are tested under Wine; it is not part of them. */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE octets, SIZE_T length)
{
    return RtlGenRandom(octets, (ULONG)length);
}
