module bookend.org/go/bookend

go 1.19
