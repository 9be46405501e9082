// An exporter in Go's standard library that does the same work: head, sweep and settle; lines written when a job
// changes; ages written at the scrape. It signs nothing and handles no errors, which is in its favour.
//
//	bench PORT_OF_THE_WORLD
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	room, late, named, retention = 900, 300.0, 600.0, 3600.0
	lookback, width, margin      = 8 * 86400.0, 720.0, 1.0
	relist                       = 3600.0
)

var active = []string{"Submitted", "Validating", "Scheduled", "InProgress", "Stopping"}
var place = map[string]int{"Submitted": 0, "Validating": 1, "Scheduled": 2, "InProgress": 3, "Stopping": 4,
	"Completed": 5, "PartiallyCompleted": 6, "Failed": 7, "Stopped": 8, "Expired": 9}

type Summary struct {
	JobArn                 string  `json:"jobArn"`
	JobName                string  `json:"jobName"`
	ModelId                string  `json:"modelId"`
	Status                 string  `json:"status"`
	SubmitTime             *string `json:"submitTime"`
	LastModifiedTime       *string `json:"lastModifiedTime"`
	EndTime                *string `json:"endTime"`
	TimeoutDurationInHours *int    `json:"timeoutDurationInHours"`
	JobExpirationTime      *string `json:"jobExpirationTime"`
	ModelInvocationType    string  `json:"modelInvocationType"`
	TotalRecordCount       *int64  `json:"totalRecordCount"`
	ProcessedRecordCount   *int64  `json:"processedRecordCount"`
	SuccessRecordCount     *int64  `json:"successRecordCount"`
	ErrorRecordCount       *int64  `json:"errorRecordCount"`
}

type Page struct {
	Summaries []Summary `json:"invocationJobSummaries"`
	NextToken string    `json:"nextToken"`
}

type Job struct {
	arn, name, model, status, kind      string
	submit, modified, end, expiration   float64
	total, processed, succeeded, failed int64
}

func (job *Job) finished() bool { return place[job.status] >= 5 }

type Written struct {
	job   Job
	lines [10][]byte
	moves [2][]byte
}

type Exporter struct {
	world, account string
	mutex          sync.RWMutex
	now            float64
	known          map[string]*Written
	buckets        map[int]map[string]int
	newest, listed float64
	static         []byte
	pollAt         float64
}

func seconds(text *string) float64 {
	if text == nil {
		return -1
	}
	moment, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		return -1
	}
	return float64(moment.UnixMicro()) / 1e6
}

func count(number *int64) int64 {
	if number == nil {
		return -1
	}
	return *number
}

func readable(model string) string {
	parts := strings.SplitN(model, ":", 6)
	if parts[0] != "arn" || len(parts) < 6 {
		return model
	}
	return strings.TrimPrefix(parts[5], "foundation-model/")
}

func (e *Exporter) ask(status string, after, before float64, descending bool, see func(Job)) {
	query := url.Values{"maxResults": {"1000"}, "sortBy": {"CreationTime"}, "sortOrder": {"Ascending"}}
	if descending {
		query.Set("sortOrder", "Descending")
	}
	if status != "" {
		query.Set("statusEquals", status)
	}
	if after > 0 {
		query.Set("submitTimeAfter", time.UnixMicro(int64(after*1e6)).UTC().Format(time.RFC3339Nano))
	}
	if before > 0 {
		query.Set("submitTimeBefore", time.UnixMicro(int64(before*1e6)).UTC().Format(time.RFC3339Nano))
	}
	for {
		response, err := http.Get(e.world + "/model-invocation-jobs?" + query.Encode())
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		var page Page
		if err := json.Unmarshal(body, &page); err != nil {
			panic(err)
		}
		for i := range page.Summaries {
			s := &page.Summaries[i]
			see(Job{s.JobArn, s.JobName, readable(s.ModelId), s.Status, s.ModelInvocationType, seconds(s.SubmitTime),
				seconds(s.LastModifiedTime), seconds(s.EndTime), seconds(s.JobExpirationTime), count(s.TotalRecordCount),
				count(s.ProcessedRecordCount), count(s.SuccessRecordCount), count(s.ErrorRecordCount)})
		}
		if page.NextToken == "" {
			return
		}
		query.Set("nextToken", page.NextToken)
	}
}

type density struct {
	buckets []int
	sums    []float64
}

func (e *Exporter) density() density {
	numbers := map[int]float64{}
	for bucket, counts := range e.buckets {
		for _, n := range counts {
			numbers[bucket] += float64(n)
		}
	}
	for _, written := range e.known {
		if !written.job.finished() {
			numbers[int(written.job.submit/width)]++
		}
	}
	d := density{sums: []float64{0}}
	for bucket := range numbers {
		d.buckets = append(d.buckets, bucket)
	}
	sort.Ints(d.buckets)
	for i, bucket := range d.buckets {
		d.sums = append(d.sums, d.sums[i]+numbers[bucket])
	}
	return d
}

func (d density) since(moment float64) float64 {
	bucket := int(moment / width)
	i := sort.SearchInts(d.buckets, bucket)
	part := 0.0
	if i < len(d.buckets) && d.buckets[i] == bucket {
		part = (moment/width - float64(bucket)) * (d.sums[i+1] - d.sums[i])
	}
	return d.sums[len(d.sums)-1] - d.sums[i] - part
}

func (d density) ranges(moments []float64) [][2]float64 {
	sort.Float64s(moments)
	var found [][2]float64
	for _, moment := range moments {
		if n := len(found); n > 0 && d.since(found[n-1][0])-d.since(moment) <= room {
			found[n-1][1] = moment
		} else {
			found = append(found, [2]float64{moment, moment})
		}
	}
	return found
}

func (e *Exporter) poll(now float64) {
	edge := float64(int((now-lookback)/width)) * width
	seen := map[string]Job{}
	whole := e.known == nil || now > e.listed+relist
	from := min(e.pollAt, e.newest) - late
	if whole {
		e.buckets, e.listed = map[int]map[string]int{}, now
	}
	see := func(job Job) {
		e.newest = max(e.newest, job.submit)
		known := e.known[job.arn]
		if job.finished() && known == nil && now-job.end > retention && job.submit < from {
			if whole {
				e.count(job)
			}
			return
		}
		if other, ok := seen[job.arn]; !ok || place[job.status] >= place[other.status] {
			seen[job.arn] = job
		}
	}
	unseen := func(upTo int) (moments []float64) {
		for arn, written := range e.known {
			if _, ok := seen[arn]; !ok && !written.job.finished() && place[written.job.status] <= upTo {
				moments = append(moments, written.job.submit)
			}
		}
		return
	}
	if whole {
		from = now - late
		e.ask("", edge-margin, 0, true, see)
	} else {
		d, head := e.density(), from
		for _, moment := range unseen(4) {
			if moment < head && d.since(moment) <= room {
				head = moment
			}
		}
		e.ask("", head-margin, 0, true, see)
		for i, status := range active {
			if len(d.ranges(unseen(i))) > 1 {
				e.ask(status, edge-margin, head+margin, false, see)
			}
		}
		for _, span := range d.ranges(unseen(4)) {
			e.ask("", span[0]-margin, span[1]+margin, true, see)
		}
	}
	next := map[string]*Written{}
	for arn, job := range seen {
		known := e.known[arn]
		if job.finished() && (whole || known == nil || !known.job.finished()) {
			e.count(job)
		}
		if known != nil && known.job == job {
			next[arn] = known
		} else {
			next[arn] = e.write(job)
		}
	}
	if !whole {
		for arn, written := range e.known {
			if _, ok := seen[arn]; !ok && written.job.finished() {
				next[arn] = written
			}
		}
	}
	for arn, written := range next {
		if written.job.finished() && now-written.job.end > retention && written.job.submit < e.newest-late {
			delete(next, arn)
		}
	}
	for bucket := range e.buckets {
		if float64(bucket)*width < edge {
			delete(e.buckets, bucket)
		}
	}
	e.mutex.Lock()
	e.known, e.now, e.pollAt = next, now, now
	e.static = e.page()
	e.mutex.Unlock()
}

func (e *Exporter) count(job Job) {
	bucket := int(job.submit / width)
	if e.buckets[bucket] == nil {
		e.buckets[bucket] = map[string]int{}
	}
	e.buckets[bucket][job.status]++
}

var escaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

var names = [10]string{"info", "status", "submit_timestamp_seconds", "last_modified_timestamp_seconds",
	"expiration_timestamp_seconds", "end_timestamp_seconds", "records", "records_processed", "records_succeeded", "records_failed"}
var moving = [2]string{"age_seconds", "time_to_expiration_seconds"}

func (e *Exporter) write(job Job) *Written {
	w := &Written{job: job}
	own := fmt.Sprintf(`{aws_account_id="%s",aws_region="us-east-1",job_id="%s",job_name="%s"`, e.account,
		job.arn[strings.LastIndexByte(job.arn, '/')+1:], escaper.Replace(job.name))
	line := func(i int, more string, value string) {
		w.lines[i] = []byte("bedrock_batch_job_" + names[i] + own + more + "} " + value + "\n")
	}
	line(0, `,job_arn="`+escaper.Replace(job.arn)+`",model_id="`+escaper.Replace(job.model)+`",invocation_type="`+job.kind+`"`, "1")
	line(1, `,status="`+job.status+`"`, "1")
	for i, moment := range []float64{job.submit, job.modified, job.expiration, job.end} {
		if moment >= 0 {
			line(2+i, "", strconv.FormatFloat(moment, 'f', -1, 64))
		}
	}
	for i, number := range []int64{job.total, job.processed, job.succeeded, job.failed} {
		if number >= 0 {
			line(6+i, "", strconv.FormatInt(number, 10))
		}
	}
	if !job.finished() {
		for i, name := range moving {
			w.moves[i] = []byte("bedrock_batch_job_" + name + own + "} ")
		}
	}
	return w
}

func (e *Exporter) page() []byte {
	var page bytes.Buffer
	page.Grow(len(e.static) + 4096)
	counts := map[string]int{}
	for _, bucket := range e.buckets {
		for status, n := range bucket {
			counts[status] += n
		}
	}
	for _, w := range e.known {
		if !w.job.finished() {
			counts[w.job.status]++
		}
	}
	page.WriteString("# TYPE bedrock_batch_jobs gauge\n")
	for status, n := range counts {
		fmt.Fprintf(&page, "bedrock_batch_jobs{aws_account_id=\"%s\",aws_region=\"us-east-1\",status=\"%s\"} %d\n", e.account, status, n)
	}
	for i, name := range names {
		page.WriteString("# TYPE bedrock_batch_job_" + name + " gauge\n")
		for _, w := range e.known {
			if !w.job.finished() || e.now-w.job.end <= retention {
				page.Write(w.lines[i])
			}
		}
	}
	return page.Bytes()
}

func (e *Exporter) scrape(w http.ResponseWriter, r *http.Request) {
	e.mutex.RLock()
	defer e.mutex.RUnlock()
	var page bytes.Buffer
	page.Grow(len(e.static) + 512*len(e.known))
	page.Write(e.static)
	var number []byte
	for i, name := range moving {
		page.WriteString("# TYPE bedrock_batch_job_" + name + " gauge\n")
		for _, written := range e.known {
			if written.moves[i] != nil {
				value := e.now - written.job.submit
				if i == 1 {
					value = written.job.expiration - e.now
				}
				page.Write(written.moves[i])
				number = strconv.AppendFloat(number[:0], value, 'f', 3, 64)
				page.Write(append(number, '\n'))
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		zipped, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		zipped.Write(page.Bytes())
		zipped.Close()
		return
	}
	w.Write(page.Bytes())
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func main() {
	e := &Exporter{world: "http://127.0.0.1:" + os.Args[1], account: "111122223333"}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/metrics", e.scrape)
	go http.Serve(listener, nil)
	fmt.Printf("{\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var order map[string]float64
		json.Unmarshal(lines.Bytes(), &order)
		before := 0.0
		if now, ok := order["poll"]; ok {
			before = cpu()
			e.poll(now)
		}
		if length, ok := order["hammer"]; ok {
			go func(end time.Time) {
				for time.Now().Before(end) {
					e.poll(e.now)
				}
			}(time.Now().Add(time.Duration(length * float64(time.Second))))
		}
		fmt.Printf("{\"cpu\": %g}\n", cpu()-before)
	}
}
