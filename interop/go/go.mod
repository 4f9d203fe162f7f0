module bookend.example/go/bookend

go 1.19
