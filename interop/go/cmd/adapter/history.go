package main

import (
	"fmt"

	"bookend.example/go/bookend"
)

func answerQuery(payload bookend.Payload) (string, error) {
	query, isQuery := bookend.ParseQuery(payload)
	if !isQuery {
		return "other", nil
	}
	answer := fmt.Sprintf("ok before=%d count=%d", query.Before, query.Count)
	if query.Text != "" {
		answer += " text=" + hexOf([]byte(query.Text))
	}
	wire, err := query.Payload()
	return answer + " wire=" + hexOf(wire.Octets()), err
}

func answerPage(payload bookend.Payload) string {
	page, err := bookend.ParsePage(payload)
	if err != nil {
		return "other"
	}
	answer := "ok lost=-"
	if page.IsFirst {
		answer = fmt.Sprintf("ok lost=%d", page.LostBefore)
	}
	for _, it := range page.Entries {
		if it.Kind == bookend.KindGap {
			answer += fmt.Sprintf(" gap:%d", it.Missed)
		} else {
			answer += fmt.Sprintf(" %d:%d:%d:%s:%s", it.From, it.Seq, it.Time, hexOf([]byte(it.Name)), payloadOf(it.Payload))
		}
	}
	return answer
}
